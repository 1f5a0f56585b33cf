//! What people write to talk a model out of its instructions. A sentence that merely says "ignore" is none of it: an order to drop
//! what came before, and what came before named as instructions, have to stand together.

use super::pattern::Pattern;

/// Said to a model, in the languages that most of it comes in.
const OVERRIDES: &[&str] = &[
    r"(?i)(?-u:\b)(?:ignore|disregard|forget|override|bypass)\s+(?:all\s+|any\s+|every\s+)?(?:of\s+)?(?:the\s+|your\s+|my\s+|these\s+|those\s+)?(?:previous|prior|above|earlier|preceding|initial|original|system|existing|foregoing)\s+(?:system\s+|safety\s+)?(?:and\s+[a-z]{1,20}\s+)?(?:instructions?|prompts?|rules|directions|guidelines|commands|directives)(?-u:\b)",
    r"(?i)(?-u:\b)(?:ignore|disregard|forget|override|bypass)\s+(?:all\s+(?:of\s+)?)?(?:your|the\s+system|all)\s+(?:instructions|guidelines|directives|system\s+prompt|programming|training)(?-u:\b)",
    r"(?i)(?-u:\b)(?:ignore|disregard|forget)\s+(?:everything|all|anything)\s+(?:that\s+)?you\s+(?:were|have\s+been|are)\s+(?:told|instructed|taught)(?-u:\b)",
    r"(?i)(?-u:\b)do\s+not\s+follow\s+(?:the\s+|your\s+|any\s+)?(?:previous|prior|original|system)\s+(?:instructions|rules|guidelines|prompt)(?-u:\b)",
    r"(?i)(?-u:\b)(?:reveal|print|show|repeat|output|display|tell|give|leak)\s+(?:to\s+)?(?:me\s+)?your\s+(?:full\s+|entire\s+|complete\s+|hidden\s+|initial\s+|original\s+|exact\s+|secret\s+){0,3}(?:system\s+prompt|system\s+message|(?:system|hidden|initial)\s+instructions)(?-u:\b)",
    r"(?i)(?-u:\b)you\s+are\s+(?:now|no\s+longer)\s+(?:in\s+)?(?:DAN|jailbroken|unrestricted|unfiltered|developer\s+mode|bound\s+by\s+(?:any|your|the)\s+(?:rules|guidelines|restrictions))(?-u:\b)",
    r"(?i)(?-u:\b)(?:act|behave|respond|answer|pretend)\s+(?:as\s+if|as\s+though|that|like)?\s*you\s+(?:have|had)\s+no\s+(?:restrictions|rules|guidelines|filters|limits)(?-u:\b)",
    r"(?i)(?-u:\b)ignoriere?\s+(?:bitte\s+)?(?:alle\s+)?(?:deine\s+|die\s+)?(?:vorherigen|bisherigen|obigen|vorigen)\s+(?:anweisungen|instruktionen|regeln|vorgaben)(?-u:\b)",
    r"(?i)(?-u:\b)(?:ignore|ignorez|oublie|oubliez)\s+(?:toutes\s+)?(?:les\s+|tes\s+|vos\s+)(?:instructions|consignes|règles)\s+(?:précédentes|antérieures|ci-dessus)",
    r"(?i)(?-u:\b)(?:ignora|olvida)\s+(?:todas\s+)?(?:las\s+|tus\s+)(?:instrucciones|reglas|indicaciones)\s+(?:anteriores|previas)(?-u:\b)",
];

/// The marks by which model formats tell who speaks.
const ROLES: &[&str] = &[
    r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|begin_of_text|start_header_id|end_header_id|eot_id|eom_id|channel|message)\|>",
    r"<(?:start|end)_of_turn>",
    r"<</?SYS>>",
    r"\[/?INST\]",
    r"(?i)</?system_prompt>",
    r"(?i)###\s{0,4}(?:system|assistant)\s+(?:prompt|message|instructions?)\s{0,4}:",
];

pub(super) fn patterns() -> Result<Vec<Pattern>, String> {
    Ok(vec![
        Pattern::new(OVERRIDES, |_, _| true)?,
        Pattern::new(ROLES, |_, _| true)?,
    ])
}
