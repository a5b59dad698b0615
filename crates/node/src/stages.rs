//! Processor time by stage of a transaction's way, at `/metrics`.

use std::{fmt, time::Duration};

use axum::{Router, extract::Request, middleware};
use engine::{Stage, StageTimes};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter},
    registry::Registry,
};
use rustix::time::{ClockId, clock_gettime};

/// Processor time that the calling thread has used.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Counts what requests to `router` cost as [`Stage::Requests`].
pub fn measured(router: Router, stages: StageTimes) -> Router {
    let time = move |request: Request, next: middleware::Next| {
        let stages = stages.clone();
        async move { stages.time(Stage::Requests, next.run(request)).await }
    };
    router.layer(middleware::from_fn(time))
}

/// Exposes the times as `heqi_stage_seconds_total{stage}`.
pub fn register(registry: &mut Registry, stages: StageTimes) {
    registry.register_collector(Box::new(Exposed(stages)));
}

#[derive(Debug)]
struct Exposed(StageTimes);

impl Collector for Exposed {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut family = encoder.encode_descriptor(
            "heqi_stage_seconds",
            "Processor time of this node by stage of a transaction's way",
            None,
            MetricType::Counter,
        )?;
        for (stage, time) in self.0.totals() {
            let labels = [("stage", stage.name())];
            let counter = ConstCounter::new(time.as_secs_f64());
            counter.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Instant;

    use axum::{body::Body, routing::get};
    use tower::ServiceExt as _;

    use super::*;
    use crate::metrics::NodeMetrics;

    fn spin() -> &'static str {
        let until = thread_time() + Duration::from_millis(20);
        while thread_time() < until {
            std::hint::spin_loop();
        }
        "done"
    }

    #[test]
    fn a_thread_that_sleeps_uses_no_processor_time() {
        let (from, began) = (thread_time(), Instant::now());
        std::thread::sleep(Duration::from_millis(30));
        let slept = thread_time() - from;
        spin();
        let used = thread_time() - from - slept;
        assert!(slept < Duration::from_millis(25), "{slept:?} of {:?}", began.elapsed());
        assert!(used >= Duration::from_millis(20), "{used:?}");
    }

    #[test]
    fn requests_are_counted_and_exposed_by_stage() {
        let stages = StageTimes::new(thread_time);
        let mut registry = Registry::default();
        register(&mut registry, stages.clone());
        let router = Router::new().route("/", get(async || spin()));
        let request = Request::builder().uri("/").body(Body::empty()).unwrap();
        let answer = futures::executor::block_on(measured(router, stages.clone()).oneshot(request));
        assert!(answer.unwrap().status().is_success());
        drop(stages.begin(Stage::Execution));
        let text = NodeMetrics::render(&registry);
        assert!(text.contains("# TYPE heqi_stage_seconds counter\n"), "{text}");
        let value = |stage: &str| {
            let start = format!("heqi_stage_seconds_total{{stage=\"{stage}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&start));
            line.unwrap_or_else(|| panic!("{stage} not in\n{text}")).parse::<f64>().unwrap()
        };
        assert!(value("requests") >= 0.02, "{text}");
        assert!(value("execution") < 0.02, "{text}");
        assert_eq!(text.matches("heqi_stage_seconds_total{").count(), Stage::ALL.len());
    }
}
