import { expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { ModelLedger } from '../testing/model-ledger.ts';

const HOUR_MS = 3_600_000;

it('an account can be changed right after the lookup horizon was lowered, even if this pod still uses the higher horizon', async () => {
  const stage = await ModelLedger.open();
  stage.caller = { ...stage.caller, epoch: 2 };
  // An older keeper begins an epoch, and a keeper of this release lowers the lookup horizon after pods have registered.
  await stage.model.activate({ epoch: 2, format: 1 }, 'replid', 'marker-2', stage.clock.now() + HOUR_MS);
  stage.database.stamp = { epoch: 2, cursor: 0 };
  await stage.sit();
  await stage.model.lowerHorizon(stage.keeper, stage.clock.now() + 60_000, []);
  const change = stage.ledger.changeAccount({
    changeId: newUuidV7(stage.clock.now()),
    accountId: 'a',
    overdraftLimit: 5,
    user: 'operator',
    correlationId: 'change',
  });
  expect(await stage.clock.until(change)).toMatchObject({ overdraftLimit: 5, settingsVersion: 2 });
  expect(stage.cache.changes.length).toBeLessThan(5);
});
