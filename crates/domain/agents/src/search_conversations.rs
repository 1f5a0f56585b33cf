//! The tool that looks into the caller's earlier conversations.

use std::{fmt::Write, sync::Arc};

use async_trait::async_trait;
use chancery_access::{Principal, Scope};
use chancery_ambient::{Tasks, cause_of, run_on};
use chancery_conversations::{ConversationStore, ListFilter, SearchQuery};
use chancery_ids::Limit;
use chancery_tools::{Tool, ToolError, ToolOutput, ToolSpec};
use serde_json::{Map, Value, json};

/// How many conversations it shows.
const HITS: u8 = 5;

/// `search_conversations`: the best hits among the conversations of the person who calls, in their tenant.
pub struct SearchConversations {
    spec: ToolSpec,
    conversations: Arc<dyn ConversationStore>,
    tasks: Arc<dyn Tasks>,
}

impl SearchConversations {
    /// The tool over `conversations`. A search that a stopped run no longer waits for runs to its end on `tasks`.
    #[must_use]
    pub fn new(conversations: Arc<dyn ConversationStore>, tasks: Arc<dyn Tasks>) -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {"query": {"type": "string", "description": "The words to search for"}},
            "required": ["query"],
            "additionalProperties": false,
        });
        let description = "Searches the person's earlier conversations for words and shows the best matches.";
        let spec = ToolSpec {
            scope: Some(Scope::CONVERSATIONS_READ),
            ..ToolSpec::built_in("search_conversations", description, "conversation", parameters)
        };
        Self {
            spec,
            conversations,
            tasks,
        }
    }
}

#[async_trait]
impl Tool for SearchConversations {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(
        &self,
        caller: &Principal,
        arguments: &Map<String, Value>,
    ) -> Result<ToolOutput, ToolError> {
        let query = arguments.get("query").and_then(Value::as_str).unwrap_or_default();
        let query =
            SearchQuery::parse(query).map_err(|error| ToolError::InvalidArguments(error.to_string()))?;
        let owner = caller
            .require_person()
            .map_err(|denied| ToolError::Failed(denied.to_string()))?;
        let (store, tenant) = (self.conversations.clone(), caller.tenant);
        let search = async move {
            let limit = Limit::new(HITS).unwrap_or(Limit::LARGEST);
            let all = ListFilter::default();
            store
                .search(tenant, owner, query.as_str(), &all, None, limit)
                .await
        };
        let found = run_on(&*self.tasks, search)
            .await
            .and_then(|found| found)
            .map_err(|fault| {
                let source = cause_of(&fault);
                tracing::warn!(source, "search_conversations failed: {fault}");
                ToolError::Failed("the search failed".to_owned())
            })?;
        if found.items.is_empty() {
            return Ok(ToolOutput("No earlier conversation matches.".to_owned()));
        }
        let mut text = String::from("Best matches among earlier conversations:");
        for hit in &found.items {
            let day = hit.conversation.updated_at.as_datetime();
            let day = day.format("%Y-%m-%d");
            // Writing into a String cannot fail.
            let _ = write!(text, "\n- {} ({day}): {}", hit.conversation.key, hit.preview);
        }
        Ok(ToolOutput(text))
    }
}
