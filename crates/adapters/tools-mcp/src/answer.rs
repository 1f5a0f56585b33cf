//! What a server answered, as text for a model.

use chancery_tools::ToolError;
use rmcp::{
    model::{CallToolResult, ContentBlock, ErrorCode, ResourceContents},
    service::ServiceError,
};

/// What a model learns of an error at most, in characters.
const LONGEST_EXCUSE: usize = 500;

/// The text of an answer: its blocks line by line, else its structured content as JSON.
pub(crate) fn text_of(answer: CallToolResult) -> Result<String, ToolError> {
    let mut lines: Vec<String> = answer.content.into_iter().map(block).collect();
    if lines.is_empty()
        && let Some(structured) = answer.structured_content
    {
        lines.push(structured.to_string());
    }
    let text = lines.join("\n");
    if answer.is_error == Some(true) {
        return Err(ToolError::Failed(text.chars().take(LONGEST_EXCUSE).collect()));
    }
    Ok(text)
}

/// A model here reads text: of everything else it learns what it is.
fn block(block: ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text,
        ContentBlock::Image(image) => format!("[an image, {}]", image.mime_type),
        ContentBlock::Audio(audio) => format!("[a sound, {}]", audio.mime_type),
        ContentBlock::Resource(resource) => match resource.resource {
            ResourceContents::TextResourceContents { text, .. } => text,
            ResourceContents::BlobResourceContents { uri, .. } => format!("[bytes of {uri}]"),
            _ => "[a resource of an unknown kind]".to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[a link to {}]", link.uri),
        _ => "[content of an unknown kind]".to_owned(),
    }
}

/// What a model learns of a call that gave no answer. The second says whether the session is of no more use.
pub(crate) fn failure_of(error: &ServiceError) -> (ToolError, bool) {
    if let ServiceError::McpError(error) = error {
        let told: String = error.message.chars().take(LONGEST_EXCUSE).collect();
        let told = if error.code == ErrorCode::INVALID_PARAMS {
            ToolError::InvalidArguments(told)
        } else {
            ToolError::Failed(told)
        };
        return (told, false);
    }
    let lost = matches!(
        error,
        ServiceError::TransportSend(_) | ServiceError::TransportClosed
    );
    let told = if lost {
        "the connection to the tool was lost; the call may have been made"
    } else {
        "the tool's answer makes no sense"
    };
    (ToolError::Failed(told.to_owned()), lost)
}

#[cfg(test)]
mod tests {
    use chancery_tools::ToolError;
    use rmcp::model::CallToolResult;
    use serde_json::json;

    use super::text_of;

    fn answer(value: serde_json::Value) -> Result<String, ToolError> {
        text_of(serde_json::from_value::<CallToolResult>(value).unwrap())
    }

    #[test]
    fn a_model_reads_text_and_learns_what_the_rest_is() {
        let blocks = answer(json!({"content": [
            {"type": "text", "text": "one"},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "two"}},
            {"type": "resource", "resource": {"uri": "file:///b", "blob": "AAAA"}},
            {"type": "resource_link", "uri": "file:///c", "name": "c"},
        ]}));
        assert_eq!(
            blocks.unwrap(),
            "one\n[an image, image/png]\ntwo\n[bytes of file:///b]\n[a link to file:///c]"
        );
        let structured = answer(json!({"content": [], "structuredContent": {"n": 1}}));
        assert_eq!(structured.unwrap(), r#"{"n":1}"#);
        let failed = answer(json!({"content": [{"type": "text", "text": "no such file"}], "isError": true}));
        assert_eq!(failed, Err(ToolError::Failed("no such file".to_owned())));
    }
}
