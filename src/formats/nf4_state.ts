/**
 * The JSON that bitsandbytes saves beside an NF4 weight, as the U8 tensor
 * `<weight>.quant_state.bitsandbytes__nf4`. Written byte for byte as Python's `json.dumps` does.
 * Source: bitsandbytes 0.50, `QuantState.as_dict(packed=True)`.
 * @module
 */
import { FormatError } from "../errors.ts";
import { isJsonObject, parseJson } from "./json.ts";
import { type FloatDtype, NESTED_BLOCK_SIZE, NF4_BLOCK_SIZE } from "./nf4.ts";

/** How an NF4 weight is to be read. */
export interface QuantState {
  readonly quantType: "nf4";
  readonly blockSize: typeof NF4_BLOCK_SIZE;
  /** The dtype that the weight had, and to which it is rounded when restored. */
  readonly dtype: FloatDtype;
  /** [out, in] */
  readonly shape: readonly number[];
  /** Present under double quantisation. */
  readonly nested?: {
    readonly blockSize: typeof NESTED_BLOCK_SIZE;
    readonly dtype: "float32";
    /** The mean of the absmax values, an f32. */
    readonly offset: number;
  };
}

const DTYPES: readonly unknown[] = ["float32", "bfloat16", "float16"] satisfies FloatDtype[];

/**
 * Parses the bytes of a quant_state tensor; messages call them `name`.
 * Throws {@linkcode FormatError} where they are malformed, or where they name a quant_type, blocksize
 * or dtype other than those of {@linkcode QuantState}.
 */
export function parseQuantState(bytes: Uint8Array, name = "the quant_state tensor"): QuantState {
  const state = parseJson(bytes, { file: name });
  const fields = isJsonObject(state) ? state : {};
  const demand = (field: string, isValid: (value: unknown) => boolean, expected: string) => {
    const value = fields[field];
    if (isValid(value)) return value;
    throw new FormatError(
      `Cannot read ${name}: ${field} is ${
        JSON.stringify(value) ?? "missing"
      }, only ${expected} is ` +
        "supported; quantise the original weights again with bnb_4bit_quant_type nf4",
      { file: name },
    );
  };
  const exactly = (field: string, expected: unknown) =>
    demand(field, (value) => value === expected, JSON.stringify(expected));

  exactly("quant_type", "nf4");
  exactly("blocksize", NF4_BLOCK_SIZE);
  const dtype = demand("dtype", (value) => DTYPES.includes(value), DTYPES.join(", "));
  const shape = demand("shape", isShape, "a list of positive sizes");
  const plain: QuantState = {
    quantType: "nf4",
    blockSize: NF4_BLOCK_SIZE,
    dtype: dtype as FloatDtype,
    shape: shape as number[],
  };
  if (!Object.keys(fields).some((field) => field.startsWith("nested_"))) return plain;

  exactly("nested_blocksize", NESTED_BLOCK_SIZE);
  exactly("nested_dtype", "float32");
  const offset = demand("nested_offset", Number.isFinite, "a finite number");
  return {
    ...plain,
    nested: {
      blockSize: NESTED_BLOCK_SIZE,
      dtype: "float32",
      offset: Math.fround(offset as number),
    },
  };
}

/** The bytes of the quant_state tensor, as {@linkcode parseQuantState} reads them. */
export function formatQuantState(state: QuantState): Uint8Array<ArrayBuffer> {
  const { quantType, blockSize, dtype, shape, nested } = state;
  const fields = [
    `"quant_type": "${quantType}"`,
    `"blocksize": ${blockSize}`,
    `"dtype": "${dtype}"`,
    `"shape": [${shape.join(", ")}]`,
  ];
  if (nested) {
    fields.push(
      `"nested_blocksize": ${nested.blockSize}`,
      `"nested_dtype": "${nested.dtype}"`,
      `"nested_offset": ${formatPythonFloat(nested.offset)}`,
    );
  }
  return new TextEncoder().encode(`{${fields.join(", ")}}`);
}

function isShape(value: unknown): boolean {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size > 0);
}

/**
 * A finite number as Python's `repr` prints a float: like JavaScript the shortest digits that read
 * back, but with a point always, and with a two-digit exponent below 1e-4 and from 1e16.
 */
export function formatPythonFloat(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  const text = Object.is(value, -0) ? "-0" : value.toString();
  return /[.e]/.test(text) ? text : `${text}.0`;
}
