import { expect, it } from 'vitest';
import { accountOf } from '../../domain/testing/orders.ts';
import { migratedDatabase, openIn } from '../testing/test-database.ts';
import { returnedMoney } from './returned-money.ts';

it('only the money in the accounts of returns is found, by currency', async () => {
  const db = await migratedDatabase();
  expect(await returnedMoney(db.database)).toEqual([]);
  const open = (id: string, currency: string) => accountOf(id, { currency, external: true });
  await openIn(db.database, [
    open('~returns:EUR', 'EUR'),
    open('~returns:JPY', 'JPY'),
    open('~transit:EUR:3', 'EUR'),
    open('returns', 'EUR'),
  ]);
  await db.database.rows("UPDATE accounts SET balance = 250 WHERE account_id <> '~returns:JPY'");
  expect(await returnedMoney(db.database)).toEqual([
    { currency: 'EUR', minorUnits: 250 },
    { currency: 'JPY', minorUnits: 0 },
  ]);
  await db.drop();
});
