import type { Books } from '../../verification/checker/books.ts';
import type { OpenedAccount } from '../../verification/checker/history.ts';
import type { Client } from '../../verification/harness/client.ts';
import { mysqlsOf, type System } from '../../verification/harness/system.ts';
import { readBooks, untilExpired } from '../../verification/load/books.ts';
import { untilFlushed } from '../../verification/load/ledger.ts';
import { readLogs } from '../../verification/load/log-books.ts';
import { HELD_MS_MAX } from '../../verification/load/recorder.ts';
import { readShardBooks, untilClosed } from '../../verification/load/shard-books.ts';

/**
 * How long an attempt may still be carried out after it was sent. A transfer between shards gets the full time of a
 * request in its destination's shard, and then again in its source's shard.
 */
export const heldMsMaxOf = ({ file }: System): number => HELD_MS_MAX * (file.shards ? 2 : 1);

/** Waits until everything is in MySQL and nothing changes anymore. */
export async function untilAtRest(client: Client, stack: System, prefix: string): Promise<void> {
  const flushed = () => untilFlushed(client, () => stack.assertRunning());
  await flushed();
  await Promise.all(mysqlsOf(stack.file).map((mysql) => untilExpired(mysql, prefix)));
  if (stack.file.shards) await untilClosed(mysqlsOf(stack.file));
  await flushed();
}

export async function booksOf(
  client: Client,
  { file }: System,
  prefix: string,
  accounts: readonly OpenedAccount[],
): Promise<Books> {
  const books = file.shards
    ? await readShardBooks(mysqlsOf(file), client, prefix, accounts)
    : await readBooks(file.mysql, client, prefix, accounts);
  return { ...books, logs: await readLogs(mysqlsOf(file)) };
}
