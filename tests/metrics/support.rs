//! Totals by name, and a recorder that remembers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ::metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use lazy_limiter::metrics::{self, Totals};

/// What is reported under `name`, this thread's last included.
pub(crate) fn totals(name: &str) -> Totals {
    metrics::flush();
    metrics::totals().into_iter().find(|totals| totals.name == name).expect("the name of a limiter")
}

/// The values of metrics, under names like `granted{limiter=api}`; of a histogram, all that were recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

impl Memory {
    pub(crate) fn last(&self, name: &str) -> Option<f64> {
        self.0.lock().unwrap().get(name)?.last().copied()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<f64> {
        self.0.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    fn slot(&self, key: &Key) -> Arc<Slot> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = key.name().strip_prefix("lazy_limiter_").expect("a name of ours");
        Arc::new(Slot { memory: self.clone(), name: format!("{name}{{{}}}", labels.join(",")) })
    }
}

struct Slot {
    memory: Memory,
    name: String,
}

impl Slot {
    fn push(&self, value: f64) {
        self.memory.0.lock().unwrap().entry(self.name.clone()).or_default().push(value);
    }
}

impl CounterFn for Slot {
    fn increment(&self, _: u64) {
        panic!("totals are told, not increments");
    }
    fn absolute(&self, value: u64) {
        self.push(value as f64);
    }
}

impl GaugeFn for Slot {
    fn increment(&self, _: f64) {
        panic!("gauges are set");
    }
    fn decrement(&self, _: f64) {
        panic!("gauges are set");
    }
    fn set(&self, value: f64) {
        self.push(value);
    }
}

impl HistogramFn for Slot {
    fn record(&self, value: f64) {
        self.push(value);
    }
}

impl Recorder for Memory {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.slot(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.slot(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.slot(key))
    }
}
