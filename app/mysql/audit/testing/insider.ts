import { encodeEntry } from '../../../journal/sealed/entry-codec.ts';
import { decodeEntry } from '../../../journal/sealed/entry-decoder.ts';
import { pagesOf } from '../../../journal/sealed/line-pages.ts';
import type { SealedEntry } from '../../../journal/sealed/sealed-entry.ts';
import { chained, contentsOf, EMPTY_LOG_HASH, linesOf } from '../../../journal/sealed/sealed-rows.ts';
import type { Database } from '../../connection/pool.ts';
import { MysqlSealedLog } from '../../ledger/sealed-log-reader.ts';

type Entry = Exclude<SealedEntry, { kind: 'unknown' }>;

/**
 * What an insider who knows the code can do to the log: changes its entries, and recomputes all hashes.
 * @param edited returns the entries that replace an entry; an empty list deletes it, and a row without entries
 * disappears
 */
export async function recomputeLog(database: Database, edited: (entry: Entry) => Entry[]): Promise<void> {
  const stored = await new MysqlSealedLog(database).stored(0, { rows: 100_000, bytes: 1e9 });
  let head = { position: 0, hash: EMPTY_LOG_HASH, sealedAt: 0 };
  await database.rows('DELETE FROM sealed');
  for (const row of stored) {
    const entries = (await linesOf(row)).flatMap((line) => edited(decodeEntry(line) as Entry));
    if (entries.length === 0) continue;
    const { epoch, firstSeq, lastSeq } = row;
    for (const content of contentsOf(pagesOf(entries.map(encodeEntry)), { epoch, firstSeq, lastSeq })) {
      const next = chained(content, head, row.sealedAt);
      head = next;
      await database.rows(
        `INSERT INTO sealed (position, format, epoch, first_seq, last_seq, entries, bytes, payload, previous_hash, hash,
           sealed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        [
          ...[next.position, next.format, epoch, firstSeq, lastSeq, next.entries, next.bytes, next.payload],
          ...[Buffer.from(next.previousHash, 'hex'), Buffer.from(next.hash, 'hex'), new Date(next.sealedAt)],
        ],
      );
    }
  }
  await database.rows('UPDATE sealed_head SET position = ?, hash = ?, sealed_at = ?', [
    ...[head.position, Buffer.from(head.hash, 'hex'), new Date(head.sealedAt)],
  ]);
}
