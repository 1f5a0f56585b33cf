//! The tools of a server.

use std::sync::Arc;

use serde_json::Value;

use crate::Tool;

/// Every tool there is, by its name, in the order they were given.
pub struct ToolCatalogue {
    tools: Vec<Arc<dyn Tool>>,
}

/// Why tools make no catalogue. Whoever puts the server together mends it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolCatalogueError {
    /// Two tools have this name.
    #[error("two tools are called {0}; a name is used once")]
    Duplicate(String),
    /// The name cannot be shown to a model.
    #[error("the tool name {0:?} is not 1 to 64 of a-z, 0-9 and _")]
    Name(String),
    /// The parameters are not described as an object.
    #[error("the parameters of {0} are no JSON Schema of an object")]
    Parameters(String),
}

impl ToolCatalogue {
    /// A catalogue of `tools`.
    pub fn new(tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Result<Self, ToolCatalogueError> {
        let mut catalogue = Self { tools: Vec::new() };
        for tool in tools {
            let spec = tool.spec();
            let name = spec.name.clone();
            if !is_name(&name) {
                return Err(ToolCatalogueError::Name(name));
            }
            if spec.parameters.get("type") != Some(&Value::from("object")) {
                return Err(ToolCatalogueError::Parameters(name));
            }
            if catalogue.find(&name).is_some() {
                return Err(ToolCatalogueError::Duplicate(name));
            }
            catalogue.tools.push(tool);
        }
        Ok(catalogue)
    }

    /// The tool of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        // A server has a handful of tools: a search is as quick as a map and keeps their order.
        self.tools.iter().find(|tool| tool.spec().name == name)
    }

    /// Every tool, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.tools.iter()
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use chancery_access::Principal;
    use serde_json::{Map, Value, json};

    use super::{ToolCatalogue, ToolCatalogueError};
    use crate::{Tool, ToolError, ToolOutput, ToolSpec};

    struct Named(ToolSpec);

    #[async_trait]
    impl Tool for Named {
        fn spec(&self) -> &ToolSpec {
            &self.0
        }

        async fn call(&self, _: &Principal, _: &Map<String, Value>) -> Result<ToolOutput, ToolError> {
            Ok(ToolOutput(String::new()))
        }
    }

    fn named(name: &str, parameters: Value) -> Arc<dyn Tool> {
        Arc::new(Named(ToolSpec::built_in(name, "", "test", parameters)))
    }

    fn plain(name: &str) -> Arc<dyn Tool> {
        named(name, json!({"type": "object"}))
    }

    #[test]
    fn tools_are_found_by_name_and_listed_in_their_order() {
        let catalogue = ToolCatalogue::new([plain("b"), plain("a")]).unwrap();
        assert!(catalogue.find("a").is_some());
        assert!(catalogue.find("c").is_none());
        let names: Vec<_> = catalogue.iter().map(|tool| tool.spec().name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
    }

    #[test]
    fn a_name_is_used_once_and_is_one_that_models_accept() {
        let refused = |tools: Vec<Arc<dyn Tool>>| ToolCatalogue::new(tools).err().unwrap();
        let twice = refused(vec![plain("a"), plain("a")]);
        assert_eq!(twice, ToolCatalogueError::Duplicate("a".to_owned()));
        for name in ["", "A", "a-b", "a b"] {
            assert_eq!(
                refused(vec![plain(name)]),
                ToolCatalogueError::Name(name.to_owned())
            );
        }
        let array = refused(vec![named("a", json!({"type": "array"}))]);
        assert_eq!(array, ToolCatalogueError::Parameters("a".to_owned()));
    }
}
