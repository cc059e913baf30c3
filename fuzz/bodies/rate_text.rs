//! Rates as text: whatever comes in, there is a rate or a reason; and what is printed reads back as the same rate.

use lazy_limiter::Rate;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Rate>() {
        Ok(rate) => {
            let printed = rate.to_string();
            assert_eq!(printed.parse(), Ok(rate), "{text:?} is printed as {printed:?}");
        }
        Err(reason) => assert!(!reason.to_string().is_empty()),
    }
}
