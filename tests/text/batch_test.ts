import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type InstructionRecord, readRecords } from "../../src/data/record.ts";
import { ShapeError } from "../../src/errors.ts";
import { epochOrder, packBatch, packExamples } from "../../src/text/batch.ts";
import { type TokenizedExample, tokenizeRecord, tokenizeRecords } from "../../src/text/example.ts";
import { encodeAnswered } from "../../src/text/prompt.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { sharedTest } from "../shared.ts";
import { tinyTokenizer } from "./tiny.ts";

const tokenizer = tinyTokenizer();
const record: InstructionRecord = {
  id: "r",
  instruction: "Write SQL.",
  input: "### Schema:\nCREATE TABLE long_one (aa, bb, cc, dd)\n\n### Question:\nHow many?",
  output: "SELECT count(*) FROM long_one",
};

function tokenize(
  changed: Partial<InstructionRecord>,
  options: Parameters<typeof tokenizeRecord>[2],
): TokenizedExample {
  const result = tokenizeRecord({ ...record, ...changed }, tokenizer, options);
  assert("ids" in result);
  return result;
}

function example(id: string, length: number, targetStart = 1): TokenizedExample {
  const ids = Uint32Array.from({ length }, (_, index) => 100 + index);
  return { id, ids, targetStart, truncated: false };
}

Deno.test("an example is BOS, prompt, SQL and EOS, with the SQL and EOS as targets", () => {
  const whole = tokenize({}, { maxSeqLength: 500 });
  assertEquals([whole.id, whole.truncated], ["r", false]);
  assertEquals([whole.ids[0], whole.ids.at(-1)], [1, 2]);
  assertEquals(tokenizer.decode(whole.ids.subarray(whole.targetStart)), record.output);
  assertEquals([...whole.ids], [...encodeAnswered(record, tokenizer).ids]);
});

Deno.test("with the whole text as target only BOS is none", () => {
  const whole = tokenize({}, { maxSeqLength: 500, completionOnly: false });
  assertEquals(whole.targetStart, 1);
  assertEquals(whole.ids, tokenize({}, { maxSeqLength: 500 }).ids);
});

Deno.test("a text without a prompt is learned whole, and loses its end where it is too long", () => {
  const text = "SELECT count(*) FROM long_one";
  const options = { maxSeqLength: 500, completionOnly: true } as const;
  const whole = tokenizeRecord({ id: "t", text }, tokenizer, options);
  assert("ids" in whole);
  assertEquals([whole.targetStart, whole.truncated, whole.ids[0], whole.ids.at(-1)], [
    1,
    false,
    1,
    2,
  ]);
  assertEquals(tokenizer.decode(whole.ids), text);
  const cut = tokenizeRecord({ id: "t", text }, tokenizer, { ...options, maxSeqLength: 5 });
  assertEquals(cut, { id: "t", ids: whole.ids.slice(0, 5), targetStart: 1, truncated: true });
});

Deno.test("a record that is too long loses the start of its schema, not its heading", () => {
  const { length } = tokenize({}, { maxSeqLength: 500 }).ids;
  assertEquals(tokenize({}, { maxSeqLength: length }).truncated, false);
  const cut = tokenize({}, { maxSeqLength: length - 10 });
  assertEquals(cut.truncated, true);
  assertEquals(cut.ids.length, length - 10);
  assertEquals(
    tokenizer.decode(cut.ids),
    "### Instruction:\nWrite SQL.\n\n### Input:\n### Schema:\nLE long_one (aa, bb, cc, dd)\n\n" +
      `### Question:\nHow many?\n\n### Response:\n${record.output}`,
  );
  assertEquals(tokenizer.decode(cut.ids.subarray(cut.targetStart)), record.output);
});

Deno.test("a long instruction loses its end once the input is gone", () => {
  const cut = tokenize({ instruction: "Write SQL. " + "x".repeat(900) }, { maxSeqLength: 100 });
  assertEquals(cut.ids.length, 100);
  const text = tokenizer.decode(cut.ids);
  assert(/^### Instruction:\nWrite SQL. x+\n\n### Response:\nSELECT/.test(text), text);
  assert(text.endsWith(record.output));
});

Deno.test("truncation keeps SQL and EOS whole, wastes little, and drops what cannot fit", () => {
  const text = fc.string({
    unit: fc.constantFrom(..."SELECT the\n#é]( ".split(""), "🦙"),
    maxLength: 80,
  });
  const options = fc.record({
    maxSeqLength: fc.integer({ min: 3, max: 150 }),
    completionOnly: fc.boolean(),
    style: fc.constantFrom("alpaca" as const, "mistral" as const),
  });
  fc.assert(
    fc.property(text, text, text, options, (instruction, input, output, options) => {
      const parts = { id: "p", instruction, input, output };
      const result = tokenizeRecord(parts, tokenizer, options);
      const whole = encodeAnswered(parts, tokenizer, options).ids.length;
      if ("reason" in result) {
        const bare = encodeAnswered({ instruction: "", input: "", output }, tokenizer, options);
        assert(bare.ids.length > options.maxSeqLength);
        assert(result.reason.includes(`takes ${bare.ids.length} tokens`));
        return;
      }
      assert(result.ids.length <= options.maxSeqLength);
      assertEquals(result.truncated, whole > options.maxSeqLength);
      const decoded = tokenizer.decode(result.ids);
      assert(decoded.endsWith(output) && !decoded.includes("\uFFFD"));
      assertEquals(result.ids.at(-1), 2);
      const { targetStart } = result;
      if (options.completionOnly) {
        // Decoding drops the first space of a text.
        const answer = tokenizer.decode(result.ids.subarray(targetStart));
        assert(answer.endsWith(output.replace(/^ /, "")));
      } else assertEquals(targetStart, 1);
      // What goes in one piece: a heading of the input, and alpaca's own when the input is gone.
      const heading = /^#+ .*\n/.exec(input)?.[0].length ?? 0;
      if (result.truncated) assert(result.ids.length > options.maxSeqLength - 24 - heading);
    }),
    { numRuns: 300 },
  );
});

Deno.test("maxSeqLength must hold BOS, SQL and EOS", () => {
  for (const maxSeqLength of [2, 0, 12.5, NaN]) {
    assertThrows(
      () => tokenizeRecord(record, tokenizer, { maxSeqLength }),
      RangeError,
      `Cannot tokenise with max_seq_length ${maxSeqLength}`,
    );
  }
});

Deno.test("tokenizeRecords counts what was cut and what was dropped", () => {
  const records = [
    { ...record, id: "fits", input: "" },
    { ...record, id: "cut", input: "x".repeat(500) },
    { ...record, id: "huge", output: "x".repeat(500) },
  ];
  const { examples, truncated, dropped } = tokenizeRecords(records, tokenizer, {
    maxSeqLength: 120,
  });
  assertEquals(examples.map((example) => example.id), ["fits", "cut"]);
  assertEquals(truncated, 1);
  assertEquals(dropped.map((record) => record.id), ["huge"]);
  assert(
    /^its SQL with the bare prompt takes 5\d\d tokens; max_seq_length is 120$/.test(
      dropped[0].reason,
    ),
    dropped[0].reason,
  );
  assertEquals(tokenizeRecords([], tokenizer, { maxSeqLength: 9 }).examples, []);
});

Deno.test("epochOrder is the file order or a permutation for each seed and epoch", () => {
  assertEquals([...epochOrder(4, { seed: 1, epoch: 9, shuffle: false })], [0, 1, 2, 3]);
  assertEquals(epochOrder(0, { seed: 1, epoch: 0, shuffle: true }).length, 0);
  const order = (seed: number, epoch: number) =>
    epochOrder(50, { seed, epoch, shuffle: true }).join();
  const orders = [order(1, 0), order(1, 1), order(1, 2), order(2, 0), order(2, 1)];
  assertEquals(new Set(orders).size, 5);
  assertEquals(order(1, 2), orders[2]);
  // Resuming an old run needs the order that it had.
  assertEquals([...epochOrder(8, { seed: 42, epoch: 0, shuffle: true })], [4, 6, 7, 5, 2, 1, 0, 3]);
  fc.assert(
    fc.property(fc.nat(300), fc.integer(), fc.nat(), (count, seed, epoch) => {
      const shuffled = epochOrder(count, { seed, epoch, shuffle: true });
      assertEquals([...shuffled].sort((a, b) => a - b), Array.from({ length: count }, (_, i) => i));
    }),
  );
});

Deno.test("packBatch lays sequences end to end", () => {
  const batch = packBatch([
    { id: "a", ids: Uint32Array.of(1, 10, 11, 2), targetStart: 2, truncated: false },
    { id: "b", ids: Uint32Array.of(1, 20, 2), targetStart: 1, truncated: true },
  ]);
  assertEquals(batch, {
    tokens: Uint32Array.of(1, 10, 11, 2, 1, 20, 2),
    positions: Uint32Array.of(0, 1, 2, 3, 0, 1, 2),
    targetRows: Uint32Array.of(1, 2, 4, 5),
    targetIds: Uint32Array.of(11, 2, 20, 2),
    sequences: [{ id: "a", start: 0, end: 4 }, { id: "b", start: 4, end: 7 }],
  });
  assertEquals(packBatch([]).tokens.length, 0);
});

Deno.test("packBatch keeps every token and target of any examples", () => {
  const any = fc.integer({ min: 1, max: 20 }).chain((length) =>
    fc.integer({ min: 1, max: length }).map((start) => example(`${length}-${start}`, length, start))
  );
  fc.assert(fc.property(fc.array(any, { maxLength: 8 }), (examples) => {
    const batch = packBatch(examples);
    const targets: [number, number][] = [];
    examples.forEach(({ id, ids, targetStart }, index) => {
      const { start, end, ...rest } = batch.sequences[index];
      assertEquals(rest, { id });
      assertEquals(batch.tokens.slice(start, end), ids);
      for (let row = start; row < end; row++) {
        assertEquals(batch.positions[row], row - start);
        if (row + 1 < end && row - start + 1 >= targetStart) {
          targets.push([row, ids[row + 1 - start]]);
        }
      }
    });
    assertEquals([...batch.targetRows].map((row, i) => [row, batch.targetIds[i]]), targets);
  }));
});

Deno.test("packBatch refuses a target that nothing predicts", () => {
  assertThrows(() => packBatch([example("x", 4, 0)]), ShapeError, "Cannot batch x");
  assertThrows(() => packBatch([example("x", 4, 5)]), ShapeError, "start at 5 of 4 tokens");
});

Deno.test("packExamples puts each example into the first group with room", () => {
  const groups = packExamples([6, 5, 4, 5, 10, 1].map((n) => example(`${n}`, n)), 10);
  assertEquals(groups.map((group) => group.map(({ id }) => id)), [["6", "4"], ["5", "5"], ["10"], [
    "1",
  ]]);
  assertEquals(packExamples([], 10), []);
  assertThrows(() => packExamples([example("x", 11)], 10), ShapeError, "x: it has 11 tokens");
});

Deno.test("packExamples is first-fit for any lengths", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 60 }), (lengths) => {
    const examples = lengths.map((length, index) => example(`${index}`, length));
    const expected: TokenizedExample[][] = [];
    for (const item of examples) {
      const total = (group: TokenizedExample[]) => group.reduce((sum, e) => sum + e.ids.length, 0);
      const group = expected.find((group) => total(group) + item.ids.length <= 30);
      if (group) group.push(item);
      else expected.push([item]);
    }
    assertEquals(packExamples(examples, 30), expected);
  }));
});

interface Curve {
  readonly config: { readonly bs: number; readonly ga: number; readonly completion_only: boolean };
  readonly log_history: readonly { readonly num_target_tokens: number }[];
  readonly first_four_examples: readonly {
    readonly input_ids: number[];
    readonly labels: number[];
  }[];
}

for (const run of ["qlora-curve", "qlora-curve-fulltext"]) {
  sharedTest(`the examples of ${run} have the reference's ids and labels`, async (path) => {
    const expected: Curve = JSON.parse(
      await Deno.readTextFile(path(`golden/${run}/expected.json`)),
    );
    const { bs, ga, completion_only: completionOnly } = expected.config;
    const records = await readRecords(path(`golden/${run}/train.jsonl`));
    const stories = await loadTokenizer(path("golden/stories260k"));
    const { examples, truncated, dropped } = tokenizeRecords(records, stories, {
      maxSeqLength: 512,
      completionOnly,
    });
    assertEquals([examples.length, truncated, dropped.length], [records.length, 0, 0]);
    expected.first_four_examples.forEach(({ input_ids, labels }, index) => {
      const { ids, targetStart } = examples[index];
      assertEquals([...ids], input_ids);
      // Nothing predicts the first label, whatever it is.
      const masked = labels.map((label, i) => i === 0 ? -100 : label);
      assertEquals([...ids].map((id, i) => i < targetStart ? -100 : id), masked);
    });
    expected.log_history.forEach(({ num_target_tokens }, step) => {
      const batch = Array.from(
        { length: bs * ga },
        (_, i) => examples[(step * bs * ga + i) % examples.length],
      );
      assertEquals(packBatch(batch).targetIds.length, num_target_tokens);
    });
  });
}
