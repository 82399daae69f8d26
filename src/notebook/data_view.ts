/**
 * Records as tables, their lengths as a chart, and one record as the tokens that the model sees.
 * @module
 */
import { isTextRecord, type TrainingRecord } from "../data/record.ts";
import { escapeHtml } from "../eval/report/svg.ts";
import {
  type AnsweredPrompt,
  countAnswered,
  encodeAnswered,
  formatPrompt,
  type PromptStyle,
} from "../text/prompt.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { spreadOf } from "../data/report.ts";
import { histogramChart } from "./histogram_chart.ts";
import { tableView } from "./table.ts";
import { type View, view } from "./view.ts";

/** The first records: what the model is given and what it should answer, or the texts that it learns. */
export function recordsTable(records: readonly TrainingRecord[], count = 5): View {
  const shown = records.slice(0, count);
  const code = (text: string) => ({ text, as: "code" } as const);
  const texts = shown.every(isTextRecord);
  return tableView({
    title: `${shown.length} of ${records.length} records`,
    columns: texts ? ["id", "text"] : ["id", "input", "output"],
    rows: shown.map((record) => {
      if (!isTextRecord(record)) return [record.id, code(record.input), code(record.output)];
      return [record.id, code(record.text), ...(texts ? [] : [null])];
    }),
  });
}

/** A record as the text that is trained on: its prompt by the template with the answer, or its text. */
export function recordText(
  record: TrainingRecord,
  tokenizer: Tokenizer,
  { style = "alpaca" }: { readonly style?: PromptStyle } = {},
): string {
  if (isTextRecord(record)) return record.text;
  return formatPrompt(record, style, { tokenizer }) + record.output;
}

/** Records whose tokens are counted; more would tell the same and take their time. */
const MOST_COUNTED = 5000;

/**
 * How many tokens records have, prompt and answer together, against what one may have. Of more than 5,000
 * records, as many are counted, evenly spread.
 */
export function lengthChart(
  records: readonly TrainingRecord[],
  tokenizer: Tokenizer,
  { maxSeqLength, style }: { readonly maxSeqLength: number; readonly style?: PromptStyle },
): View {
  const count = Math.min(MOST_COUNTED, records.length);
  const values = Array.from({ length: count }, (_, i) => {
    const record = records[Math.floor(i * records.length / count)];
    return isTextRecord(record)
      ? encodeRecord(record, tokenizer).ids.length
      : countAnswered(record, tokenizer, { style });
  });
  const { p50, p95, max } = spreadOf(values) ?? { p50: 0, p95: 0, max: 0 };
  const over = values.filter((value) => value > maxSeqLength).length;
  const sampled = count < records.length ? `, ${count} of ${records.length} records` : "";
  return histogramChart({
    title: `Tokens of a record${sampled}`,
    x: "tokens",
    y: "records",
    samples: [{ name: "records", values }],
    tick: (value) => String(Math.round(value)),
    marks: [{ value: p50, label: `median ${p50}` }, { value: p95, label: `p95 ${p95}` }],
    text: `median ${p50}, p95 ${p95}, longest ${max}; ` +
      `${over} of ${count} have more than max_seq_length ${maxSeqLength}`,
  });
}

/**
 * A record token by token, as it is trained on: the prompt in grey, what the model learns to answer in
 * colour, with the id of each token on hover. With `completionOnly` false, and of a text without a
 * prompt, everything is learned.
 */
export function tokenView(
  record: TrainingRecord,
  tokenizer: Tokenizer,
  { style, completionOnly = true }: { style?: PromptStyle; completionOnly?: boolean } = {},
): View {
  const { ids, answerStart } = encodeRecord(record, tokenizer, style);
  const learnedFrom = completionOnly ? answerStart : 1;
  const names = new Map([...tokenizer.specialTokens].map(([name, id]) => [id, name]));
  const pieces = piecesOf(ids, tokenizer).map((text, i) => names.get(ids[i]) ?? text);
  const summary = `${ids.length} tokens: ${learnedFrom} of prompt, ${
    ids.length - learnedFrom
  } learned`;
  const spans = pieces.map((piece, i) => {
    const learned = i >= learnedFrom;
    const colour = learned ? ["#cfe6d6", "#b3d9bf"][i % 2] : ["#eceff3", "#dfe4ea"][i % 2];
    const text = escapeHtml(piece.replaceAll("\n", "⏎\n"));
    return `<span title="${i}: id ${ids[i]}${learned ? ", learned" : ""}" ` +
      `style="background:${colour};color:#1c2430;border-radius:2px">${text}</span>`;
  });
  return view({
    "text/plain": `${summary}\n${pieces.slice(0, learnedFrom).join("|")}\n→ ${
      pieces.slice(learnedFrom).join("|")
    }`,
    "text/html": `<div style="margin:4px 0">${summary}</div>` +
      `<pre style="white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.7">${
        spans.join("")
      }</pre>`,
  });
}

/** The tokens of a record, and the first of them that is learned with a completion-only loss. */
function encodeRecord(
  record: TrainingRecord,
  tokenizer: Tokenizer,
  style?: PromptStyle,
): Pick<AnsweredPrompt, "ids" | "answerStart"> {
  if (!isTextRecord(record)) return encodeAnswered(record, tokenizer, { style });
  return { ids: [...tokenizer.encode(record.text), tokenizer.eosId], answerStart: 1 };
}

/** The text that each id adds. Characters of several tokens stand with the last of them. */
function piecesOf(ids: readonly number[], tokenizer: Tokenizer): string[] {
  const stream = tokenizer.decodeStream();
  const pieces = ids.map((id) => stream.push(id));
  pieces[pieces.length - 1] += stream.flush();
  return pieces;
}
