(() => {
  const $ = (id) => document.getElementById(id);
  const find = $("find"), stage = $("stage"), kind = $("kind"), order = $("order"), shown = $("shown"), list = $("list");
  const cases = [...list.querySelectorAll("details.case")];
  const words = new Map(cases.map((one) => [one, (one.dataset.id + " " + one.querySelector("summary").textContent).toLowerCase()]));
  const score = (one) => (one.dataset.score === "" ? Infinity : Number(one.dataset.score));
  const apply = () => {
    const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const one of cases) {
      const keep = (!stage.value || one.dataset.status.split(" ").includes(stage.value)) &&
        (!kind.value || one.dataset.kinds.split("\n").includes(kind.value)) &&
        wanted.every((word) => words.get(one).includes(word));
      one.hidden = !keep;
      count += keep;
    }
    shown.textContent = count + " of " + cases.length;
  };
  const sort = () => list.append(...(order.value === "score" ? [...cases].sort((a, b) => score(a) - score(b)) : cases));
  const reveal = () => {
    let target = null;
    try { target = $(decodeURIComponent(location.hash.slice(1))); } catch { return; }
    const one = target && target.closest("details.case");
    if (!one) return;
    if (one.hidden) { find.value = ""; stage.value = ""; kind.value = ""; apply(); }
    one.open = true;
    target.scrollIntoView({ behavior: "instant" });
  };
  let timer;
  find.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 120); });
  for (const select of [stage, kind]) select.addEventListener("change", apply);
  order.addEventListener("change", sort);
  for (const link of document.querySelectorAll("a[data-stage]"))
    link.addEventListener("click", () => { find.value = ""; kind.value = ""; stage.value = link.dataset.stage; apply(); });
  addEventListener("hashchange", reveal);
  $("filters").hidden = false;
  apply();
  reveal();
})();
