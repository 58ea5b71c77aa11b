// Package runs is an index of postings for values that few resources have each: UIDs, identifiers, references to orders. Such
// values arrive in random order. In a B-tree of their own each of them costs a page somewhere, which slows a load down, the more
// so the larger the tree is. Here they are logged and sorted later: what a writer adds becomes a sorted run, and runs are merged
// into longer ones, so that all that is written is written in order, a few times over, and packed to about 13 bytes an entry.
// The price is a look-up in each run. The index is not for values that many resources have, nor for walks in time order.
//
// Everything is in tables of the store's database and in its transactions. Those that write exclude one another, over all
// processes; those that read need one statement each, which is one state of the database.
//
//   - posting_fresh is a small B-tree that takes what comes in small numbers, until Step or Add makes a run of it.
//   - run lists the runs. One is being written (by a merge), live, or dead (merged, to be deleted). Only live ones are read.
//   - run_block holds their entries in order of (hash, param, row), some 160 to a block (see encode).
//   - run_head counts the fresh entries and the runs, and notes that Compact was called.
//
// What holds after every transaction:
//
//  1. A live run never changes. Of two that say something of the same (param, hash, row), the one of the greater age is right, and
//     fresh entries are right before all runs. A run's age is the number of the newest Add in it.
//  2. The inputs of a merge are neighbours in age among the live runs, so that their output can take the place of all.
//  3. That something is gone is forgotten in a merge only when no live run is older than its inputs.
//  4. All blocks of a run but those of split hashes hold each of their hashes whole. So a value lies in the last block that
//     begins at or below it. A hash that fills more than one block has blocks to itself, numbered by part.
//  5. A merge can be continued by any process: its output has the key that comes next, each input the block in which to look for
//     it. What was written of the output lies below that key.
package runs
