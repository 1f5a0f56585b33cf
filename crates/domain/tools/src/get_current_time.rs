//! The time of day.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_access::Principal;
use chancery_ambient::Clock;
use serde_json::{Map, Value, json};

use crate::{Tool, ToolError, ToolOutput, ToolSpec};

/// `get_current_time`: now, as `YYYY-MM-DD HH:MM:SS UTC`.
pub struct GetCurrentTime {
    spec: ToolSpec,
    clock: Arc<dyn Clock>,
}

impl GetCurrentTime {
    /// The tool over `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let parameters = json!({"type": "object", "properties": {}, "additionalProperties": false});
        let spec = ToolSpec::built_in(
            "get_current_time",
            "Tells the current date and time in UTC.",
            "utility",
            parameters,
        );
        Self { spec, clock }
    }
}

#[async_trait]
impl Tool for GetCurrentTime {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, _: &Principal, _: &Map<String, Value>) -> Result<ToolOutput, ToolError> {
        let now = self.clock.now().as_datetime();
        Ok(ToolOutput(now.format("%Y-%m-%d %H:%M:%S UTC").to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chancery_access::{Principal, Proof, Scopes, Subject};
    use chancery_ambient::{Ambient, ManualClock, Timestamp};
    use serde_json::Map;

    use super::GetCurrentTime;
    use crate::Tool;

    #[tokio::test]
    async fn the_time_is_written_in_utc_to_the_second() {
        let now = Timestamp::from_unix_micros(1_700_000_000_999_999).unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let ambient = Ambient::for_tests(clock.clone());
        let caller = Principal {
            tenant: ambient.new_id(),
            subject: Subject::Person(ambient.new_id()),
            role: None,
            scopes: Scopes::default(),
            session: None,
            token: ambient.new_id(),
            actors: Vec::new(),
            proof: Proof::Full,
        };
        let output = GetCurrentTime::new(clock)
            .call(&caller, &Map::new())
            .await
            .unwrap();
        assert_eq!(output.0, "2023-11-14 22:13:20 UTC");
    }
}
