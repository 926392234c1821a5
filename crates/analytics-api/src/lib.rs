//! The contract of the analytics service: metrics and reports. It publishes no events.

mod metric;
mod report;

pub use metric::{Metric, MetricType};
pub use report::{
    ConversationsReport, ConversationsRow, ConversationsTotals, Interval, ReportType,
};
