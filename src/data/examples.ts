/**
 * A small database with questions about it, to try a model on without any file.
 * @module
 */

/** A question and a query that answers it. */
export interface ExampleQuestion {
  readonly question: string;
  readonly sql: string;
}

/** The script of a lending library: its tables and their rows. */
export const EXAMPLE_SCRIPT = `
CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT, joined_year INTEGER);
CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL, author TEXT, pages INTEGER);
CREATE TABLE loans (
  id INTEGER PRIMARY KEY,
  member_id INTEGER NOT NULL REFERENCES members (id),
  book_id INTEGER NOT NULL REFERENCES books (id),
  days_kept INTEGER
);
INSERT INTO members VALUES
  (1, 'Grace Ito', 'Oslo', 2019), (2, 'Hugo Marin', 'Lima', 2021), (3, 'Ivy Okoye', 'Oslo', 2023);
INSERT INTO books VALUES
  (1, 'Silent Rivers', 'K. Lindgren', 312), (2, 'A Map of Stars', 'R. Moreno', 198),
  (3, 'Glass Houses', 'K. Lindgren', 455), (4, 'The Long Winter', 'T. Achebe', 267);
INSERT INTO loans VALUES
  (1, 1, 1, 14), (2, 1, 3, 21), (3, 2, 2, 7), (4, 3, 1, 30), (5, 3, 4, 10), (6, 1, 4, 5);
`;

/** From simple to nested. */
export const EXAMPLE_QUESTIONS: readonly ExampleQuestion[] = [
  { question: "How many books are there?", sql: "SELECT COUNT(*) FROM books" },
  {
    question: "Show the titles of books with more than 250 pages, the longest first.",
    sql: "SELECT title FROM books WHERE pages > 250 ORDER BY pages DESC",
  },
  {
    question: "How many members joined in each city?",
    sql: "SELECT city, COUNT(*) FROM members GROUP BY city",
  },
  {
    question: "Which members from Oslo borrowed a book by K. Lindgren?",
    sql: "SELECT DISTINCT members.name FROM members JOIN loans ON loans.member_id = members.id " +
      "JOIN books ON books.id = loans.book_id " +
      "WHERE members.city = 'Oslo' AND books.author = 'K. Lindgren'",
  },
  {
    question: "Which books were never kept for longer than the average loan?",
    sql: "SELECT title FROM books WHERE id NOT IN " +
      "(SELECT book_id FROM loans WHERE days_kept > (SELECT AVG(days_kept) FROM loans))",
  },
];
