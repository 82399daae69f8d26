/**
 * What the tests of synthetic data share.
 */

/** Schema and question in the input of a record. */
export const INPUT_PARTS = /^### Schema:\n([\s\S]+)\n\n### Question:\n(.+)$/;
