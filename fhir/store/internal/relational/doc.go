// Package relational keeps the store's contract on a relational database: what a resource version becomes in rows, how
// queries and filters become SQL, how concurrent writes share a commit. Package sqlite and package postgres bring a Database
// and nothing else, so that both answer alike.
//
// The layout is in the migrations beside each Database: a resource table, and narrow tables of index values. A posting
// (param, hash, time key, row) says that a resource has a token, reference or URI; its primary key puts the resources of one value in
// clinical time order, newest first, since the time key is the negated clinical time. So a page of one value is one bounded
// walk of one index, and further values are looked up in it point by point.
//
// Values that few resources share (UIDs, identifiers, references to what is made for one study) would come in random order and are never
// walked: their postings are kept by package runs. What a query needs of them, and of chains, is looked up before its statement is
// put together: a search.Clause becomes terms, which the index decides, and a rest, for which each candidate is looked at (resolve.go,
// rest.go). Of the indexes that could drive a statement the one with the fewest candidates is chosen, by our own count (driver.go).
//
// An entry's param is the id of one generation of a parameter's index (see generation.go): a parameter whose definition
// changes gets another, which is built beside the former one.
//
// A logical reference is resolved in the transaction that makes it resolvable (see linker): table link keeps what it leads to, and the
// index entries of the resource are those of its body with the literal reference in it (see view). The body itself stays as it is.
//
// Writers exclude one another, over all processes, from the first to the last statement of a transaction. Every transaction is
// therefore serial, rows and versions (lastUpdated) are numbered in commit order, and no write fails for another's sake;
// concurrent calls make up for it by sharing commits (see writer).
package relational
