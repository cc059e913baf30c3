//! More names than there is room for. By itself: names stay for good.

use lazy_limiter::{Limiter, Unlimited, metrics};

#[test]
fn what_has_no_room_shares_a_name() {
    let limiter = |name| Limiter::builder().name(name).build(Unlimited);
    let names: Vec<&'static str> =
        (0..300).map(|at| &*Box::leak(format!("name {at}").into_boxed_str())).collect();
    for name in &names {
        limiter(name).try_acquire(1).unwrap();
    }
    // A name that has room keeps it.
    limiter(names[7]).try_acquire(1).unwrap();
    metrics::flush();
    let totals = metrics::totals();
    assert_eq!(totals.len(), 255);
    for (at, total) in totals.iter().enumerate() {
        let (name, granted) = match at {
            7 => (names[7], 2),
            254 => ("others", 46),
            _ => (names[at], 1),
        };
        assert_eq!((total.name, total.granted), (name, granted), "{at}");
    }
}
