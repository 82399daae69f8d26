/**
 * What a process that queries a database and the one that asks it tell each other, over its standard
 * input and output. Each message is its length in four bytes and a structured clone.
 * @module
 */
import { deserialize, serialize } from "node:v8";
import { SqlError, type SqlErrorKind } from "../errors.ts";
import type { QueryOptions } from "./database.ts";

/** The first message: all that the process needs, so that it may read the database alone. */
export interface Setup {
  readonly path: string;
  /** SQLite's module, metered, and its slot. */
  readonly module: Uint8Array<ArrayBuffer>;
  readonly slot: number;
  readonly maxMemory: number;
  readonly maxLength: number;
}

/** Each further message asks for one thing. The answer is a {@linkcode Reply}. */
export type Request =
  | { readonly ask: "query"; readonly sql: string; readonly options?: QueryOptions }
  | { readonly ask: "check"; readonly sql: string }
  | { readonly ask: "schema" };

/** A value, or the error in its stead. The process sends one more at its start, for the setup. */
export type Reply =
  | { readonly value: unknown; readonly error: null }
  | { readonly value: null; readonly error: WrittenError };

/** A SqlError as data. */
export interface WrittenError {
  readonly kind: SqlErrorKind;
  readonly message: string;
  readonly offset?: number;
  readonly suggestion?: string;
}

/** Sent before a reply, as soon as the statement is done, since a large reply takes a while. */
export const DONE = Uint8Array.of(1);

const LENGTH_BYTES = 4;

/** The bytes of a message. */
export function encodeMessage(message: Setup | Request | Reply): Uint8Array {
  const body = serialize(message);
  const bytes = new Uint8Array(LENGTH_BYTES + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length, true);
  bytes.set(body, LENGTH_BYTES);
  return bytes;
}

/** Receives messages from a stream. */
export interface Receiver {
  /** The next message. Rejects with a TypeError where the stream ends. */
  receive(): Promise<unknown>;
  /** Waits for {@linkcode DONE}. */
  done(): Promise<void>;
}

/** A receiver of what arrives in a stream. */
export function receiver(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Receiver {
  const reader = stream.getReader({ mode: "byob" });
  const read = async (length: number): Promise<Uint8Array> => {
    const { value } = await reader.read(new Uint8Array(length), { min: length });
    if (!value || value.length < length) throw new TypeError("Cannot receive: the stream ended");
    return value;
  };
  return {
    async receive() {
      const length = await read(LENGTH_BYTES);
      return deserialize(await read(new DataView(length.buffer).getUint32(0, true)));
    },
    async done() {
      await read(DONE.length);
    },
  };
}

/** An error to send. Throws what is no SqlError. */
export function writeError(error: unknown): WrittenError {
  if (!(error instanceof SqlError)) throw error;
  const { kind, message, offset, suggestion } = error;
  return { kind, message, offset, suggestion };
}

/** An error that was sent. */
export function readError({ kind, message, offset, suggestion }: WrittenError): SqlError {
  return new SqlError(kind, message, { offset, suggestion });
}
