import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM } from '../../../devstack/testing/browser.ts';
import { until } from '../../kernel/testing/until.ts';
import { SharedSelfCheck } from '../self-check.ts';
import { buildConsole, ConsoleVisitor } from '../testing/console-visitor.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

let roles: RolesUnderTest;
let keeper: Role;
let api: Role;
beforeAll(async () => {
  await buildConsole();
  roles = await RolesUnderTest.start();
  // The test itself runs the self-checks.
  keeper = await roles.keeper({ AUDIT_MINUTES_MAX: '0' });
  api = await roles.api();
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
  await until('the log has entries', async () => Number((await sealedLog()).length) > 0);
});
afterAll(() => roles.stop());

async function sealedLog(): Promise<{ length: number; hash: string }> {
  const { json } = await api.request('GET', '/v1/ops/audit');
  return json['log'] as { length: number; hash: string };
}
/** @param minutesMax 0: the check runs out of time before it reaches the end of the log */
async function selfCheck(minutesMax: number): Promise<void> {
  const { context } = keeper;
  const audit = { ...context.config.audit, minutesMax };
  const check = new SharedSelfCheck({ ...context, config: { ...context.config, audit } });
  await check.run(new AbortController().signal);
}
const sql = (text: string) => roles.db.database.rows(text);

describe.skipIf(CHROMIUM === undefined)('The page of the audit', () => {
  it('shows the end of the log, what the self-check found, and what that means', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    const result = (text: string) => page.locator('.badge', { hasText: text });
    /** Opens the page again, instead of waiting until it updates itself. */
    const again = async () => {
      await visitor.visit('actions', 'Actions', 'What operators did');
      await visitor.visit('audit', 'Audit', 'Latest self-check');
    };
    await visitor.signIn(API_KEY);
    await visitor.visit('audit', 'Audit', 'No self-check has run yet');
    await page.getByText((await sealedLog()).hash).waitFor();
    expect(await visitor.findings()).toEqual([]);

    await selfCheck(0);
    await again();
    await result('not finished').waitFor();
    await page.getByText('The next run continues').waitFor();
    await selfCheck(5);
    await again();
    await result('clean').waitFor();
    expect(await visitor.findings()).toEqual([]);

    await sql('UPDATE audit_runs SET finished_at = finished_at - INTERVAL 4 DAY');
    await again();
    await page.getByText('No check has succeeded for three days').waitFor();
    // Makes the next check start from the beginning of the log.
    await sql('UPDATE audit_runs SET checked_position = 0, checked_hash = REPEAT(CHAR(0), 32)');
    await sql("UPDATE audit_runs SET checked_sealed_at = '1970-01-01'");
    await sql("UPDATE accounts SET `name` = 'Eve' WHERE account_id = 'ada'");
    await selfCheck(5);
    await again();
    await result('faults').waitFor();
    await page.getByText('account ada').first().waitFor();
    await page.getByText('may be wrong').first().waitFor();
    const guide = page.getByRole('link', { name: 'HoldfastAuditFaults: what to do' });
    expect(await guide.getAttribute('href')).toBe('guide/runbook.html#holdfastauditfaults');
    expect(await visitor.findings()).toEqual([]);
    await page.setViewportSize({ width: 360, height: 740 });
    await expect.poll(() => visitor.isTooWide(), { timeout: 300_000 }).toBe(false);

    await page.route('**/v1/ops/audit', (route) => route.abort());
    await page.getByText('This is not current').waitFor();
    await result('faults').waitFor();
    expect(visitor.complaints).toEqual([]);
  });

  it('says which shard cannot be read, and shows the others', async () => {
    await using visitor = await ConsoleVisitor.open(api.url);
    const { page } = visitor;
    const { json } = await api.request('GET', '/v1/ops/audit');
    const problem = { code: 'database_unavailable', detail: 'MySQL cannot be reached.' };
    const body = {
      shards: [
        { shard: 0, ...json },
        { shard: 1, problem },
      ],
    };
    await page.route('**/v1/ops/audit', (route) => route.fulfill({ json: body }));
    await visitor.signIn(API_KEY);
    await visitor.visit('audit', 'Audit', 'Sealed log of shard 0');
    const unknown = page.getByRole('region', { name: 'Sealed log of shard 1' });
    await unknown.getByText('MySQL cannot be reached.').waitFor();
  });
});
