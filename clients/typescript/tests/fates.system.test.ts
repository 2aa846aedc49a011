import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Holdfast } from '../src/client.ts';
import { collect } from '../src/testing/collect.ts';
import { FATES, type Fate, ModelService, REFUSED_AMOUNT } from '../src/testing/model-service.ts';
import { VirtualClock } from '../src/testing/virtual-clock.ts';

const TRANSFER = { sourceAccount: 'a', destinationAccount: 'b', amount: '1.00', currency: 'EUR' };
const LATE_MS = 600_000;

function bench(fates: readonly Fate[], chances: readonly number[] = [0.5]) {
  const clock = new VirtualClock();
  let drawn = 0;
  clock.chance = () => chances[drawn++ % chances.length] ?? 0.5;
  const service = new ModelService(clock, (request) => fates[request] ?? 'answered');
  const holdfast = new Holdfast({ url: 'http://model', apiKey: 'k', clock, fetch: service.fetch, deadlineMs: 20_000 });
  return { clock, service, holdfast };
}
/** Fates are chosen at random. Tests compare what a caller gets with the books after all late requests have arrived. */
const fatesOf = fc.array(fc.constantFrom(...FATES), { maxLength: 40 });
const chancesOf = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 });
const amountOf = fc.constantFrom('1.00', REFUSED_AMOUNT);

describe('Whatever happens to the requests', () => {
  it('the reported outcome of a transfer agrees with the books', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fatesOf, chancesOf, amountOf, fc.boolean(), async (fates, chances, amount, isPassedAgain) => {
        const { clock, service, holdfast } = bench(fates, chances);
        const work = holdfast.transfers.create({ ...TRANSFER, amount }).catch((error: Error) => error);
        let reported = await clock.run(work);
        expect(clock.elapsedMs).toBeLessThanOrEqual(20_000);
        // A request that is passed again counts as still in doubt.
        if (!(reported instanceof Error) && reported.outcome === 'unknown' && isPassedAgain)
          reported = await clock.run(holdfast.transfers.create(reported.request).catch((error: Error) => error));
        await clock.run(clock.sleep(LATE_MS));
        const [[id, stored] = []] = [...service.outcomes];
        const learned = reported instanceof Error ? 'failed' : reported.outcome;
        seen.add(learned);
        if (learned === 'posted') expect(stored?.status).toBe('POSTED');
        if (learned === 'rejected') expect(stored?.status).toBe('REJECTED');
        if (learned === 'failed') expect(stored).toBeUndefined();
        // Every attempt has the same id and the same content.
        const bodies = service.received.filter(({ method }) => method === 'POST').map(({ body }) => body);
        expect(new Set(bodies).size).toBeLessThanOrEqual(1);
        expect(service.outcomes.size).toBeLessThanOrEqual(1);
        if (id !== undefined && !(reported instanceof Error)) expect(reported.request.transactionId).toBe(id);
      }),
      { numRuns: 500 },
    );
    expect([...seen].sort()).toEqual(['failed', 'posted', 'rejected', 'unknown']);
  });

  it('the reported outcomes of a list agree with the books, in the order of the list', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fatesOf,
        chancesOf,
        fc.array(amountOf, { minLength: 1, maxLength: 5 }),
        async (fates, chances, amounts) => {
          const { clock, service, holdfast } = bench(fates, chances);
          const items = amounts.map((amount, i) => ({ ...TRANSFER, amount, reference: `no ${i}` }));
          const reported = await clock.run(collect(holdfast.transfers.createMany(items)));
          await clock.run(clock.sleep(LATE_MS));
          expect(reported.map(({ index, request }) => [index, request.reference])).toEqual(
            items.map(({ reference }, i) => [i, reference]),
          );
          for (const { outcome, request } of reported) {
            seen.add(outcome);
            const stored = service.outcomes.get(request.transactionId);
            if (outcome === 'posted') expect(stored?.status).toBe('POSTED');
            if (outcome === 'rejected') expect(stored?.status).toBe('REJECTED');
            if (outcome === 'failed') expect(stored).toBeUndefined();
          }
          expect(service.outcomes.size).toBeLessThanOrEqual(items.length);
        },
      ),
      { numRuns: 300 },
    );
    expect([...seen].sort()).toEqual(['failed', 'posted', 'rejected', 'unknown']);
  });

  it('a transfer that was in doubt before a restart is not reported as failed', async () => {
    const { clock, service, holdfast } = bench(['day off', 'answered']);
    const request = { ...TRANSFER, transactionId: 'mine' };
    expect(await clock.run(holdfast.transfers.create(request, { inDoubt: true }))).toMatchObject({
      outcome: 'unknown',
      retryAfterMs: 86_400_000,
    });
    // The client looked up the outcome, but found none.
    expect(service.received.map(({ method }) => method)).toEqual(['POST', 'GET']);
    const [item] = await clock.run(
      collect(bench(['day off']).holdfast.transfers.createMany([request], { inDoubt: true })),
    );
    expect(item?.outcome).toBe('unknown');
  });

  it('an unknown outcome becomes known when the same request is passed again', async () => {
    const { clock, service, holdfast } = bench(Array(200).fill('lost on the way back'));
    const first = await clock.run(holdfast.transfers.create(TRANSFER));
    expect(first.outcome).toBe('unknown');
    const calm = new Holdfast({ url: 'http://model', apiKey: 'k', clock, fetch: new Proxy(service.fetch, {}) });
    service.received.length = 500;
    const second = await clock.run(calm.transfers.create(first.request));
    expect(second).toMatchObject({ outcome: 'posted', request: first.request });
    expect(service.outcomes.size).toBe(1);
  });
});
