/**
 * Shortens the prompt of a record that is too long, and only the prompt.
 * @module
 */
import type { InstructionRecord } from "../data/record.ts";
import type { AnsweredPrompt } from "./prompt.ts";

/**
 * Takes as few characters as possible out of the prompt of `record` (see {@linkcode cutPrompt}), so
 * that `encode` gives at most `maxSeqLength` ids. `fits` is false where even the bare prompt is too
 * long.
 */
export function shortenToFit(
  record: InstructionRecord,
  encode: (record: InstructionRecord) => AnsweredPrompt,
  maxSeqLength: number,
): { readonly encoded: AnsweredPrompt; readonly fits: boolean } {
  // The token count falls with every cut, nearly: bisect, and take only what was seen to fit.
  let tooFew = 0;
  let enough = record.input.length + record.instruction.length;
  let encoded = encode(cutPrompt(record, enough));
  if (encoded.ids.length > maxSeqLength) return { encoded, fits: false };
  while (enough - tooFew > 1) {
    const middle = (tooFew + enough) >> 1;
    const trial = encode(cutPrompt(record, middle));
    if (trial.ids.length > maxSeqLength) {
      tooFew = middle;
    } else {
      enough = middle;
      encoded = trial;
    }
  }
  return { encoded, fits: true };
}

/**
 * Takes `count` UTF-16 units out of the prompt: first from the left of the input, behind its heading
 * (`### Schema:`), because the question stands at its end; then the heading; then from the right of
 * the instruction. Never leaves half a surrogate pair.
 */
export function cutPrompt(record: InstructionRecord, count: number): InstructionRecord {
  const { instruction, input } = record;
  const heading = /^#+ [^\n]*\n/.exec(input)?.[0] ?? "";
  const body = input.slice(heading.length);
  if (count < body.length) {
    const cut = isLowSurrogate(body, count) ? count + 1 : count;
    return { ...record, input: heading + body.slice(cut) };
  }
  if (count < input.length) return { ...record, input: heading };
  const end = Math.max(0, instruction.length - (count - input.length));
  const kept = isLowSurrogate(instruction, end) ? end - 1 : end;
  return { ...record, input: "", instruction: instruction.slice(0, kept) };
}

function isLowSurrogate(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return index > 0 && code >= 0xdc00 && code <= 0xdfff;
}
