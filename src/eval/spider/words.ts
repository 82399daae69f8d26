/**
 * Splits text into words as the Penn Treebank tokeniser does, because Spider's evaluator reads SQL
 * with it (through NLTK's `word_tokenize`).
 * @module
 */

/** What is a word of its own wherever it stands. */
const ALONE = /^(?:--|\.{2,}|`+|[;@#$%&?!*[\](){}<>«»“”‘’„\u2012-\u2015])/;

/** The last period of the text, which only closing brackets and spaces may follow. */
const LAST_PERIOD = /(?<=[^.])\.(?=[\])}>»”’ ]*\s*$)/;

/** The words that the Treebank takes apart, in their halves. */
const CONTRACTION = (() => {
  const halves = ["(can)(not)", "(gim)(me)", "(gon)(na)", "(got)(ta)", "(lem)(me)"];
  const edge = "[\\p{L}\\p{N}_]";
  return new RegExp(`(?<!${edge})(?:(?:${halves.join("|")})(?!${edge})|(wan)(na)$)`, "giu");
})();

/**
 * The words of `text`, which must have no quotation marks `'` and `"`. Much of SQL stays together,
 * such as `a=5`, `a+b` and `1,2`; a query written so is one that Spider's evaluator cannot read.
 *
 * NLTK first cuts the text into sentences, with a trained model. That can matter only for a word that
 * ends in a period before the end of the text, which no query has that the evaluator can read.
 */
export function splitWords(text: string): string[] {
  const source = text.replace(LAST_PERIOD, " . ");
  const words: string[] = [];
  let word = "";
  const finish = () => {
    // Whatever is between the matches or a half of one is a word.
    words.push(...word.split(CONTRACTION).filter((part) => part));
    word = "";
  };
  for (let i = 0; i < source.length; i++) {
    const [alone] = ALONE.exec(source.slice(i, i + 64)) ?? [];
    if (/\s/.test(source[i])) {
      finish();
    } else if (alone !== undefined) {
      finish();
      words.push(alone);
      i += alone.length - 1;
    } else if (separates(source, i)) {
      finish();
      words.push(source[i]);
      // Of two commas in a row the second stays with what follows it.
      if (/[:,]/.test(source[i + 1] ?? "") && i + 2 < source.length) word = source[++i];
    } else {
      word += source[i];
    }
  }
  finish();
  return words;
}

/** Whether a comma or colon is at `index`, other than before a digit, as in `1,000` and `12:30`. */
function separates(text: string, index: number): boolean {
  return /[:,]/.test(text[index]) && !/\d/.test(text[index + 1] ?? "");
}
