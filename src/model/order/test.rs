//! The rules of orders, as tables.

use super::*;

const RULES: OrderRules =
    OrderRules { lines_max: 2, quantity_max: 5, freight: Fen(800), free_freight_from: Fen(9_900) };

fn sku(id: i64, price: i64) -> PricedSku {
    PricedSku {
        sku_id: SkuId(id),
        product_id: ProductId(1),
        title: "T".into(),
        sku_name: String::new(),
        cover_url: String::new(),
        price_fen: Fen(price),
        active: true,
        state: ProductState::OnSale,
    }
}
fn want(sku: i64, qty: i64) -> Wanted {
    Wanted { sku_id: SkuId(sku), qty }
}

#[test]
fn only_declared_moves_lead_anywhere() {
    let allowed: Vec<_> = OrderState::ALL
        .iter()
        .flat_map(|from| OrderMove::ALL.iter().filter_map(move |step| Some((*from, *step, from.after(*step)?))))
        .map(|(from, step, to)| format!("{from} {step} {to}"))
        .collect();
    assert_eq!(
        allowed,
        [
            "pending pay paid",
            "pending close closed",
            "pending reprice pending",
            "paid ship shipped",
            "paid refund refunded",
            "shipped receive received",
            "shipped refund refunded",
            "received refund refunded",
            "closed revive paid"
        ]
    );
}

#[test]
fn the_same_sku_twice_is_one_line() {
    assert_eq!(gather(&[want(9, 1), want(3, 2), want(9, 2)], &RULES), Ok(vec![want(3, 2), want(9, 3)]));
    for (wanted, refusal) in [
        (vec![], OrderRefusal::Empty),
        (vec![want(1, 0)], OrderRefusal::QuantityInvalid { sku: SkuId(1), max: 5 }),
        (vec![want(1, -1)], OrderRefusal::QuantityInvalid { sku: SkuId(1), max: 5 }),
        (vec![want(1, 3), want(1, 3)], OrderRefusal::QuantityInvalid { sku: SkuId(1), max: 5 }),
        (vec![want(1, i64::MAX), want(1, i64::MAX)], OrderRefusal::QuantityInvalid { sku: SkuId(1), max: 5 }),
        (vec![want(1, 1), want(2, 1), want(3, 1)], OrderRefusal::TooManyLines { max: 2 }),
    ] {
        assert_eq!(gather(&wanted, &RULES), Err(refusal));
    }
}

#[test]
fn a_total_is_computed_here_and_nowhere_else() {
    let quoted = quote(&[want(1, 2), want(2, 1)], &[sku(2, 100), sku(1, 250)], &RULES).expect("quote");
    assert_eq!((quoted.goods, quoted.freight, quoted.total), (Fen(600), Fen(800), Fen(1_400)));
    let free = quote(&[want(1, 1)], &[sku(1, 9_900)], &RULES).expect("quote");
    assert_eq!((free.freight, free.total), (Fen::ZERO, Fen(9_900)));
    let off = PricedSku { state: ProductState::OffSale, ..sku(1, 1) };
    for (skus, refusal) in [
        (vec![], OrderRefusal::SkuMissing { sku: SkuId(1) }),
        (vec![off], OrderRefusal::NotOnSale { sku: SkuId(1) }),
        (vec![sku(1, i64::MAX)], OrderRefusal::TotalTooLarge),
        (vec![sku(1, 100_000_001)], OrderRefusal::TotalTooLarge),
    ] {
        assert_eq!(quote(&[want(1, 1)], &skus, &RULES), Err(refusal));
    }
    let nothing = OrderRules { freight: Fen::ZERO, ..RULES };
    assert_eq!(quote(&[want(1, 1)], &[sku(1, 0)], &nothing), Err(OrderRefusal::TotalTooLarge));
}
