(() => {
  const threads = [...document.querySelectorAll(".thread")];
  const rows = new Map([...document.querySelectorAll("#trial-table tbody tr")].map((row) => [row.cells[0].textContent, row]));
  const values = new Map(threads.map((one) => [one, JSON.parse(one.dataset.values)]));
  const bar = document.getElementById("filters");
  const names = JSON.parse(bar.dataset.keys);
  const count = document.createElement("span");
  const selects = names.map((name, i) => {
    const label = document.createElement("label"), select = document.createElement("select");
    const found = [...new Set(threads.map((one) => values.get(one)[i]))];
    found.sort((a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b));
    for (const value of ["any", ...found]) select.append(new Option(value, value));
    label.append(name, select);
    bar.append(label);
    select.addEventListener("change", apply);
    return select;
  });
  bar.append(count);
  function apply() {
    let kept = 0;
    for (const one of threads) {
      const out = selects.some((select, i) => select.selectedIndex > 0 && select.value !== values.get(one)[i]);
      one.classList.toggle("out", out);
      rows.get(one.dataset.trial)?.classList.toggle("out", out);
      kept += !out;
    }
    count.textContent = kept + " of " + threads.length + " trials";
  }
  for (const one of threads) {
    const row = rows.get(one.dataset.trial);
    const mark = (on) => [one, row].forEach((each) => each?.classList.toggle("picked", on));
    one.addEventListener("mouseenter", () => mark(true));
    one.addEventListener("mouseleave", () => mark(false));
    row?.addEventListener("mouseenter", () => mark(true));
    row?.addEventListener("mouseleave", () => mark(false));
  }
  bar.hidden = false;
  apply();
})();
