from rag.settings import RerankSettings


def test_each_reranker_has_a_share_that_suits_it_unless_one_is_set() -> None:
    shares = {name: RerankSettings(name=name).share for name in ("learned", "evidence", "maxsim", "cross-encoder")}
    assert shares == {"learned": 1.0, "evidence": 0.4, "maxsim": 0.2, "cross-encoder": 0.5}
    assert RerankSettings(name="learned", weight=0.0).share == 0.0
