//! Cuts a text into words, numbers and marks.

use core::ops::Range;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A letter, then letters, digits and underscores: a keyword or a name.
    Word,
    /// Digits, perhaps with a decimal point among them.
    Number,
    /// One of `{ } ( ) , : -`.
    Mark(char),
    /// `->`.
    Arrow,
    /// A character that the form has no use for.
    Unknown,
    /// The end of the text.
    End,
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// The first token at or after byte `from`.
pub(super) fn token(text: &str, from: usize) -> Token {
    let start = skip(text, from);
    let rest = text.get(start..).unwrap_or("");
    let Some(first) = rest.chars().next() else {
        return Token { kind: Kind::End, span: text.len()..text.len() };
    };
    let run = |more: fn(char) -> bool| rest.find(|c: char| !more(c)).unwrap_or(rest.len());
    let (kind, length) = match first {
        'a'..='z' | 'A'..='Z' | '_' => (Kind::Word, run(|c| c.is_ascii_alphanumeric() || c == '_')),
        '0'..='9' => (Kind::Number, run(|c| c.is_ascii_digit() || c == '.')),
        '-' if rest.starts_with("->") => (Kind::Arrow, 2),
        '{' | '}' | '(' | ')' | ',' | ':' | '-' => (Kind::Mark(first), 1),
        other => (Kind::Unknown, other.len_utf8()),
    };
    Token { kind, span: start..start + length }
}

/// What some editors put in front of a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Past white space and comments, and what may be in front of all.
fn skip(text: &str, mut at: usize) -> usize {
    loop {
        let rest = text.get(at..).unwrap_or("");
        at +=
            rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || at == 0 && c == BYTE_ORDER_MARK).len();
        if !text.get(at..).is_some_and(|rest| rest.starts_with(';')) {
            return at;
        }
        at += text[at..].find('\n').unwrap_or(text.len() - at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn every_kind_of_token_is_cut_at_its_ends() {
        let text = "ab_1 ; a comment -> {\n 2.5->-x\u{e9}";
        let mut pieces = Vec::new();
        let mut at = 0;
        loop {
            let token = token(text, at);
            if token.kind == Kind::End {
                break;
            }
            pieces.push((token.kind, &text[token.span.clone()]));
            at = token.span.end;
        }
        let (word, mark) = (Kind::Word, Kind::Mark('-'));
        let expected = [
            (word, "ab_1"),
            (Kind::Number, "2.5"),
            (Kind::Arrow, "->"),
            (mark, "-"),
            (word, "x"),
            (Kind::Unknown, "é"),
        ];
        assert_eq!(pieces, expected);
    }
}
