//! The recorder of the server's metrics, and their text form for Prometheus.
//!
//! A service would use a crate such as `metrics-exporter-prometheus`. This recorder shows the interface, and keeps
//! the example small.

#![expect(clippy::float_arithmetic, reason = "metrics are floats")]

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder as Facade,
    SharedString, Unit,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// The upper bounds of the buckets of a histogram. Most histograms are times in milliseconds.
const BOUNDS: [f64; 15] =
    [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0];

/// Keeps the newest value of every metric. Clones share the values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<BTreeMap<String, Arc<Series>>>>);

/// The values of one metric with its labels.
#[derive(Debug)]
struct Series {
    name: String,
    labels: String,
    value: Mutex<Value>,
}

#[derive(Debug)]
enum Value {
    Counter(u64),
    Gauge(f64),
    Histogram(Buckets),
}

#[derive(Debug, Default)]
struct Buckets {
    /// The number of values up to each bound.
    upto: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Recorder {
    fn series(&self, key: &Key, value: Value) -> Arc<Series> {
        let name: String =
            key.name().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let labels = key.labels().map(|label| format!("{}={:?}", label.key(), label.value()));
        let labels = labels.collect::<Vec<_>>().join(",");
        let mut all = self.0.lock().expect("no code panics while it holds the lock of the metrics");
        let new =
            || Arc::new(Series { name: name.clone(), labels: labels.clone(), value: Mutex::new(value) });
        all.entry(format!("{name} {labels}")).or_insert_with(new).clone()
    }
}

/// The text format of Prometheus.
impl fmt::Display for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.lock().expect("no code panics while it holds the lock of the metrics");
        let mut before = "";
        for series in all.values() {
            series.print(f, series.name != before)?;
            before = &series.name;
        }
        Ok(())
    }
}

impl Series {
    fn change(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.value.lock().expect("no code panics while it holds the lock of a metric"));
    }

    fn print(&self, f: &mut fmt::Formatter<'_>, is_first: bool) -> fmt::Result {
        let Self { name, labels, value } = self;
        let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let value = value.lock().expect("no code panics while it holds the lock of a metric");
        let kind = match &*value {
            Value::Counter(_) => "counter",
            Value::Gauge(_) => "gauge",
            Value::Histogram(_) => "histogram",
        };
        if is_first {
            writeln!(f, "# TYPE {name} {kind}")?;
        }
        match &*value {
            Value::Counter(count) => writeln!(f, "{name}{braces} {count}"),
            Value::Gauge(value) => writeln!(f, "{name}{braces} {value}"),
            Value::Histogram(Buckets { upto, count, sum }) => {
                let comma = if labels.is_empty() { "" } else { "," };
                for (bound, upto) in BOUNDS.iter().zip(upto) {
                    writeln!(f, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {upto}")?;
                }
                writeln!(f, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}")?;
                writeln!(f, "{name}_sum{braces} {sum}\n{name}_count{braces} {count}")
            }
        }
    }
}

impl CounterFn for Series {
    fn increment(&self, by: u64) {
        self.change(|value| {
            if let Value::Counter(count) = value {
                *count += by;
            }
        });
    }

    fn absolute(&self, to: u64) {
        self.change(|value| *value = Value::Counter(to));
    }
}

impl GaugeFn for Series {
    fn increment(&self, by: f64) {
        self.change(|value| {
            if let Value::Gauge(value) = value {
                *value += by;
            }
        });
    }

    fn decrement(&self, by: f64) {
        GaugeFn::increment(self, -by);
    }

    fn set(&self, to: f64) {
        self.change(|value| *value = Value::Gauge(to));
    }
}

impl HistogramFn for Series {
    fn record(&self, recorded: f64) {
        self.change(|value| {
            if let Value::Histogram(Buckets { upto, count, sum }) = value {
                for (bound, upto) in BOUNDS.iter().zip(upto) {
                    *upto += u64::from(recorded <= *bound);
                }
                *count += 1;
                *sum += recorded;
            }
        });
    }
}

impl Facade for Recorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key, Value::Counter(0)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key, Value::Gauge(0.0)))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key, Value::Histogram(Buckets::default())))
    }
}
