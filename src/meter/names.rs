//! [`Label`]: a limiter's name as a small number.

use parking_lot::RwLock;

use super::totals::Entry;

/// A name's number. Limiters of one name have one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(pub(super) u8);

/// The entries of the names so far, by number. An entry stays for good: there are few.
static ENTRIES: RwLock<Vec<&'static Entry>> = RwLock::new(Vec::new());

/// What the names have in common that come when there are as many as there can be.
const OTHERS: &str = "others";

impl Label {
    /// Of limiters without a name: nothing of them is reported.
    pub(super) const NONE: Label = Label(0);
    /// The last of them.
    const LAST: u8 = u8::MAX;
    /// As many numbers as there are.
    pub(super) const COUNT: usize = Label::LAST as usize + 1;

    pub(super) fn of(name: Option<&'static str>) -> Label {
        let Some(name) = name else { return Label::NONE };
        let mut entries = ENTRIES.write();
        let find = |entries: &[&Entry], name| entries.iter().position(|entry| entry.name == name);
        let at = find(&entries, name).unwrap_or_else(|| {
            // The last number is for all that have none of their own.
            let full = entries.len() + 1 >= usize::from(Label::LAST);
            let name = if full { OTHERS } else { name };
            find(&entries, name).unwrap_or_else(|| {
                // Leaked: at most 255 of them, each for a name that is itself static.
                entries.push(Box::leak(Box::new(Entry::new(name))));
                entries.len() - 1
            })
        });
        // Counted from one.
        Label(u8::try_from(at + 1).unwrap_or(Label::LAST))
    }

    /// `None` for [`NONE`](Self::NONE).
    pub(super) fn entry(self) -> Option<&'static Entry> {
        ENTRIES.read().get(usize::from(self.0).checked_sub(1)?).copied()
    }
}

/// All that there are, in the order in which their names came.
pub(super) fn entries() -> Vec<&'static Entry> {
    ENTRIES.read().clone()
}
