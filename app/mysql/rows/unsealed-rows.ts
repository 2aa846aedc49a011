import { encodeEntry } from '../../journal/sealed/entry-codec.ts';
import type { SealedEntry } from '../../journal/sealed/sealed-entry.ts';
import type { Session } from '../connection/pool.ts';
import { integer, text } from '../connection/sql.ts';

/** Maximum size of one row of `unsealed`, characters; a longer line is alone in its row. */
const ROW_CHARS_MAX = 128 * 1024;

/**
 * Stores lines for the log, in a transaction that has already locked everything that the lines refer to. Of two
 * transactions that lock the same account, the later one thus gets the higher id, and becomes visible only after the
 * earlier one. The next transaction that seals entries gives the lines their positions.
 */
export async function noteUnsealed(session: Session, epoch: number, lines: readonly string[]): Promise<void> {
  let page: string[] = [];
  let chars = 0;
  const write = async () => {
    if (page.length > 0)
      await session.run(`INSERT INTO unsealed (epoch, payload) VALUES (${integer(epoch)},${text(page.join('\n'))})`);
    page = [];
    chars = 0;
  };
  for (const line of lines) {
    if (chars + line.length > ROW_CHARS_MAX) await write();
    page.push(line);
    chars += line.length + 1;
  }
  await write();
}

/** Stores entries for the log, as `noteUnsealed` does for lines. */
export const noteEntries = (
  session: Session,
  epoch: number,
  entries: readonly Exclude<SealedEntry, { kind: 'unknown' }>[],
): Promise<void> => noteUnsealed(session, epoch, entries.map(encodeEntry));
