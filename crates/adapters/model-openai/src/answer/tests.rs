//! Whatever a provider sends, and however the network cuts it.

use bytes::Bytes;
use chancery_agents::{ModelError, ModelEvent};
use futures::{StreamExt, executor::block_on, stream};
use proptest::prelude::*;
use serde_json::json;

use super::{Reader, events};
use crate::{chat_completions, responses};

/// The two readers.
fn readers() -> [Reader; 2] {
    [
        Reader::Responses(responses::Reader::default()),
        Reader::ChatCompletions(chat_completions::Reader::default()),
    ]
}

/// What an answer in these pieces comes to; errors by their code.
fn outcome<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    reader: Reader,
) -> Vec<Result<ModelEvent, &'static str>> {
    let pieces: Vec<Result<Bytes, ModelError>> = pieces
        .into_iter()
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let outcomes = events(stream::iter(pieces), reader).map(|event| event.map_err(|error| error.code()));
    block_on(outcomes.collect())
}

fn is_end(outcome: &Result<ModelEvent, &'static str>) -> bool {
    matches!(outcome, Err(_) | Ok(ModelEvent::Finished(_)))
}

fn text(delta: &str) -> ModelEvent {
    ModelEvent::TextDelta(delta.to_owned())
}

/// A whole answer of each API: text beyond ASCII, a comment, a call.
fn whole_answers() -> [String; 2] {
    let frame = |event: serde_json::Value| format!("event: x\ndata: {event}\n\n");
    let call = json!({"type": "function_call", "call_id": "c1", "name": "find", "arguments": "{\"query\":\"Grüße\"}"});
    let responses = [
        json!({"type": "response.created", "response": {}}),
        json!({"type": "response.output_text.delta", "delta": "Grüße 🦀"}),
        json!({"type": "response.output_item.done", "item": call}),
        json!({"type": "response.completed", "response": {"usage": {"input_tokens": 3}}}),
    ];
    let piece = |piece: serde_json::Value| json!({"choices": [{"index": 0, "delta": piece}]});
    let chat_completions = [
        piece(json!({"content": "Grüße 🦀"})),
        piece(
            json!({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "find", "arguments": "{\"que"}}]}),
        ),
        piece(json!({"tool_calls": [{"index": 0, "function": {"arguments": "ry\":\"Grüße\"}"}}]})),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
    ];
    let start = ": processing\r\n\r\n";
    [
        format!("{start}{}", responses.map(frame).concat()),
        format!("{start}{}data: [DONE]\n\n", chat_completions.map(frame).concat()),
    ]
}

#[test]
fn what_came_before_an_error_is_told_before_it() {
    let stream = b"data: {\"choices\":[{\"delta\":{\"content\":\"Hal\"},\"finish_reason\":\"length\"}]}\n\n";
    let [_, reader] = readers();
    assert_eq!(
        outcome([stream.as_slice()], reader),
        [Ok(text("Hal")), Err("model_stream_broken")]
    );
}

#[test]
fn an_answer_without_its_end_mark_is_broken() {
    for (answer, reader) in whole_answers().iter().zip(readers()) {
        let cut = answer
            .rfind("event: x")
            .map(|last| answer.split_at(last).0)
            .unwrap();
        let outcomes = outcome([cut.as_bytes()], reader);
        assert_eq!(outcomes.first(), Some(&Ok(text("Grüße 🦀"))));
        assert_eq!(outcomes.last(), Some(&Err("model_stream_broken")));
    }
}

#[test]
fn nothing_is_told_after_the_end() {
    for (answer, reader) in whole_answers().iter().zip(readers()) {
        let outcomes = outcome([answer.as_bytes(), answer.as_bytes()], reader);
        assert_eq!(outcomes.iter().filter(|outcome| is_end(outcome)).count(), 1);
        assert!(outcomes.last().is_some_and(is_end));
    }
}

#[test]
fn bytes_that_are_no_text_and_marks_in_a_row_are_broken_not_a_panic() {
    for bytes in [
        b"data: \xFF\n\n".as_slice(),
        b"\xEF\xBB\xBF\xEF\xBB\xBFdata: {}\n\n".as_slice(),
        b"<html>".as_slice(),
        b"".as_slice(),
    ] {
        for reader in readers() {
            assert_eq!(
                outcome([bytes], reader),
                [Err("model_stream_broken")],
                "{bytes:?}"
            );
        }
    }
}

/// Lines that steer into the readers, and noise.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let known = whole_answers()
        .concat()
        .split_inclusive('\n')
        .map(|line| line.as_bytes().to_vec())
        .collect::<Vec<_>>();
    let kinds = [
        "response.output_text.delta",
        "response.output_item.done",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "error",
    ];
    let odd = (prop::sample::select(kinds.to_vec()), any::<String>(), any::<i64>()).prop_map(
        |(kind, word, number)| {
            let event = json!({"type": kind, "delta": number, "item": {"type": "function_call", "name": word},
                "response": {"status": word, "output": [number], "usage": word, "error": {"code": number}},
                "choices": [{"index": number, "finish_reason": word, "delta": {"tool_calls": [{"index": number}]}}]});
            format!("data: {event}\n\n").into_bytes()
        },
    );
    prop_oneof![
        3 => prop::sample::select(known),
        2 => odd,
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\xEF\xBB\xBF".to_vec()),
        1 => Just(b"data: [DONE]\n\n".to_vec()),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_there_is_one_end_and_it_is_last(lines in prop::collection::vec(line(), 0..40)) {
        for reader in readers() {
            let outcomes = outcome(lines.iter().map(Vec::as_slice), reader);
            let ends = outcomes.iter().filter(|outcome| is_end(outcome)).count();
            prop_assert_eq!(ends, 1);
            prop_assert!(outcomes.last().is_some_and(is_end));
        }
    }

    #[test]
    fn however_it_is_cut_the_events_are_the_same(lines in prop::collection::vec(line(), 0..20), cuts: Vec<prop::sample::Index>) {
        let bytes = lines.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        for (whole, cut) in readers().into_iter().zip(readers()) {
            prop_assert_eq!(outcome([bytes.as_slice()], whole), outcome(pieces.iter().copied(), cut));
        }
    }

    #[test]
    fn a_whole_answer_survives_any_cut(cuts: Vec<prop::sample::Index>) {
        for (answer, reader) in whole_answers().iter().zip(readers()) {
            let bytes = answer.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let outcomes = outcome(cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]), reader);
            prop_assert_eq!(outcomes.len(), 3);
            prop_assert_eq!(&outcomes[0], &Ok(text("Grüße 🦀")));
            let expected = "{\"query\":\"Grüße\"}";
            prop_assert!(matches!(&outcomes[1], Ok(ModelEvent::ToolCall(call)) if call.arguments == expected));
            prop_assert!(matches!(&outcomes[2], Ok(ModelEvent::Finished(_))));
        }
    }
}
