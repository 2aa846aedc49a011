/**
 * The first version that a team would write: the transfer as one TypeORM transaction on MySQL, behind Koa. `optimistic`
 * reads both accounts and writes each if its version is unchanged, retrying as needed; `locks` reads them FOR UPDATE,
 * in the order of their ids.
 *
 *   node typeorm-koa.ts <mysql url> <optimistic | locks> <accounts>
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type EntityManager, EntitySchema, In } from 'typeorm';
import { accountId } from '../bank.ts';
import { serve, type TransferBody } from './server.ts';

interface Account {
  id: string;
  balance: string;
  version: number;
}
interface Transfer {
  id: string;
  source: string;
  destination: string;
  amount: number;
  sourceBalance: number;
  destinationBalance: number;
  at: Date;
}
const id = { type: 'varchar', length: 64, charset: 'ascii', collation: 'ascii_bin' } as const;
const AccountEntity = new EntitySchema<Account>({
  name: 'RivalAccount',
  tableName: 'rival_accounts',
  columns: { id: { ...id, primary: true }, balance: { type: 'bigint' }, version: { type: 'int' } },
});
const TransferEntity = new EntitySchema<Transfer>({
  name: 'RivalTransfer',
  tableName: 'rival_transfers',
  columns: {
    id: { ...id, primary: true },
    source: id,
    destination: id,
    amount: { type: 'bigint' },
    sourceBalance: { type: 'bigint' },
    destinationBalance: { type: 'bigint' },
    at: { type: 'datetime', precision: 3 },
  },
});

const ROWS_PER_INSERT = 1000;
const CONNECTIONS = 32;
const TRIES_MAX = 50;
const [, , url = '', how, count] = process.argv;
const source = new DataSource({
  type: 'mysql',
  url,
  entities: [AccountEntity, TransferEntity],
  poolSize: CONNECTIONS,
});
await source.initialize();
await source.synchronize();
for (let from = 0; from < Number(count); from += ROWS_PER_INSERT) {
  const ids = Array.from({ length: Math.min(ROWS_PER_INSERT, Number(count) - from) }, (_, i) => accountId(from + i));
  const rows = ids.map((one) => ({ id: one, balance: '0', version: 0 }));
  await source.createQueryBuilder().insert().into(AccountEntity).values(rows).orIgnore().execute();
}

/** Thrown when another transaction has changed an account in the meantime. */
class Conflict extends Error {}

async function move(manager: EntityManager, body: TransferBody): Promise<object> {
  const ids = [body.sourceAccount, body.destinationAccount];
  const lock = how === 'locks' ? { lock: { mode: 'pessimistic_write' as const } } : {};
  const found = await manager.find(AccountEntity, { where: { id: In(ids) }, order: { id: 'ASC' }, ...lock });
  const amount = Math.round(Number(body.amount) * 100);
  const balances = new Map<string, number>();
  for (const { id: one, balance, version } of found) {
    const after = Number(balance) + (one === body.sourceAccount ? -amount : amount);
    balances.set(one, after);
    const where = how === 'locks' ? { id: one } : { id: one, version };
    const { affected } = await manager.update(AccountEntity, where, { balance: String(after), version: version + 1 });
    if (affected !== 1) throw new Conflict();
  }
  const [sourceBalance = 0, destinationBalance = 0] = ids.map((one) => balances.get(one));
  await manager.insert(TransferEntity, {
    id: body.transactionId,
    source: body.sourceAccount,
    destination: body.destinationAccount,
    amount,
    sourceBalance,
    destinationBalance,
    at: new Date(),
  });
  return { status: 'POSTED', sourceBalance, destinationBalance };
}

const DEADLOCK = 1213;
serve(async (body) => {
  for (let attempt = 1; attempt <= TRIES_MAX; attempt++) {
    try {
      return await source.transaction((manager) => move(manager, body));
    } catch (error) {
      if (!(error instanceof Conflict) && (error as { errno?: number }).errno !== DEADLOCK) throw error;
      await sleep(Math.random() * 2 * attempt);
    }
  }
  return undefined;
});
