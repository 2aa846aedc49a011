import { shardOfAccount } from '../../domain/account-shard.ts';
import type { Database } from '../connection/pool.ts';
import { groupHome } from './group-home.ts';
import { type Position, TableReader } from './pages.ts';
import { placedTransfer, type Row, SpansShards, type StoredTransfer } from './split-rows.ts';

export interface Spans {
  transfers: number;
  /** The number of transfers that become transfers between shards because their accounts go to different shards. */
  parted: number;
  /** What cannot be divided. If the list is empty, the ledger can be split. */
  spanning: string[];
}

const LISTED_MAX = 20;
const NOWHERE = -1;

/** Finds what cannot be divided among the new shards of an old one. */
export async function spansOf(old: Database, shards: number): Promise<Spans> {
  const spans: Spans = { transfers: 0, parted: 0, spanning: [] };
  const isFull = () => spans.spanning.length >= LISTED_MAX;
  const listed = (work: () => unknown): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof SpansShards)) throw error;
      if (!isFull() && !spans.spanning.includes(error.what)) spans.spanning.push(error.what);
    }
  };
  await eachPage(old, 'transfers', isFull, async (rows) => {
    spans.transfers += rows.length;
    for (const row of rows as StoredTransfer[]) {
      const [from, to] = [row.client_source ?? row.source_account, row.client_destination ?? row.destination_account];
      if (!from.startsWith('~') && shardOfAccount(from, shards) !== shardOfAccount(to, shards)) spans.parted += 1;
      listed(() => placedTransfer(row, NOWHERE, shards));
    }
  });
  await eachPage(old, 'transfer_groups', isFull, async (rows) => {
    for (const row of rows) {
      const home = await groupHome(old, [row], shards).catch((error: unknown) => error);
      listed(() => {
        if (home instanceof Error) throw home;
      });
    }
  });
  await eachPage(old, 'holds', isFull, async (rows) => {
    for (const row of rows) listed(() => requireInOneShard(row, shards));
  });
  return spans;
}

/** An open hold that names a destination in another shard could no longer be captured. */
function requireInOneShard({ hold_id, status, account_id, destination_account }: Row, shards: number): void {
  if (status !== 'OPEN' || destination_account === null) return;
  const [own, other] = [account_id, destination_account].map((id) => shardOfAccount(String(id), shards));
  if (own !== other) throw new SpansShards(`open hold ${hold_id}`);
}

async function eachPage(
  old: Database,
  table: string,
  isEnough: () => boolean,
  work: (rows: Row[]) => Promise<void>,
): Promise<void> {
  const reader = await TableReader.of(old, table);
  let position: Position | null = null;
  while (!isEnough()) {
    const page = await reader.after(position);
    if (!page) return;
    await work(page.rows);
    position = page.next;
  }
}
