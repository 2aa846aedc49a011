import { shardOfAccount } from '../../app/domain/account-shard.ts';
import type { TransferOrder } from '../../app/domain/types.ts';
import type { Recording } from '../../verification/checker/history.ts';
import type { Random } from '../core/random.ts';
import type { SimProcess } from '../core/sim-process.ts';
import type { Client } from '../world/clients.ts';
import { WORLD } from '../world/opening.ts';
import { uuidV7 } from '../world/uuid.ts';

interface StrandingDependencies {
  client: Client;
  process: SimProcess;
  random: Random;
  history: Recording;
  shards: number;
  isOver(): boolean;
}

/**
 * Makes transfers fail after they have left their source: the destination is frozen after the preview, and sometimes
 * the source, which has sent all of its money, is closed before it gets the money back. By chance, this would be rare.
 */
export async function strandSome(deps: StrandingDependencies): Promise<void> {
  const { process, random, isOver } = deps;
  while (!isOver()) {
    await process.sleep(random.between(200, 900));
    if (!isOver()) await strand(deps);
  }
}

async function strand({ client, process, random, history, shards }: StrandingDependencies): Promise<void> {
  const open = history.accounts
    .filter(({ accountId }) => !accountId.startsWith(WORLD))
    .map(({ accountId }) => accountId);
  const source = random.pick(open);
  const others = open.filter((accountId) => shardOfAccount(accountId, shards) !== shardOfAccount(source, shards));
  const destination = random.pick(others);
  await client.change(destination, { status: 'ACTIVE' });
  await client.read([source]);
  const balance = history.reads.findLast(({ accountId }) => accountId === source)?.balance ?? 0;
  const isAll = balance > 0 && random.chance(0.7);
  const order = client.orderOf(uuidV7(process.now(), random), {
    ...{ source, destination, currency: 'EUR' },
    amount: isAll ? balance : random.whole(1, 20),
  });
  void client.transfer([order]);
  await process.sleep(random.exponential(25));
  void client.change(destination, { status: 'FROZEN' });
  void seekSome(client, process, random, order);
  // If a refusal is lost, the transfer is decided again.
  void process.sleep(random.exponential(400)).then(() => client.change(destination, { status: 'ACTIVE' }));
  if (!isAll) return;
  for (let tries = 0; tries < 4; tries++) {
    await process.sleep(random.exponential(40));
    void client.change(source, { status: 'CLOSED' });
  }
}

/** Looks up the outcome of the transfer while it is being decided. */
async function seekSome(
  client: Client,
  process: SimProcess,
  random: Random,
  { transactionId, source }: TransferOrder,
): Promise<void> {
  for (let times = random.whole(0, 6); times > 0; times--) {
    await process.sleep(random.exponential(80));
    void client.seek(transactionId, source);
  }
}
