/**
 * Tests the alerts with promtool: whether all rules are valid, whether each fires when it should and not otherwise
 * (scripts/monitoring/alerts*.test.yaml, which must have a case for every alert), and whether the dashboard's queries
 * are valid.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { readCommandLine } from '../../app/config/command-line.mjs';
import { requireProgram } from '../../devstack/install/packages.mjs';
import { ROWS } from '../monitoring/panels.mjs';

readCommandLine({
  name: 'node scripts/checks/alerts.mjs',
  about: 'Tests the alerts and the queries of the dashboard with promtool.',
  options: {},
});

/** @param {string} path */
const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const RULES = at('charts/holdfast/files/alerts.yaml');
const CASES = ['alerts.test.yaml', 'alerts-days.test.yaml'].map((name) => at(`scripts/monitoring/${name}`));

const promtool = requireProgram('promtool');
/** @param {...string} args */
function run(...args) {
  const { status, error } = spawnSync(promtool, args, { stdio: 'inherit', timeout: 120_000 });
  if (error) throw error;
  if (status !== 0) process.exitCode = 1;
}

/** Checks that every alert fires in some case. The first case shows that none fires without a fault. */
function requireCases() {
  /** @type {{ groups: { rules: { alert?: string }[] }[] }} */
  const { groups } = parse(readFileSync(RULES, 'utf8'));
  const cases = CASES.map((file) => readFileSync(file, 'utf8')).join('\n');
  for (const { alert } of groups.flatMap(({ rules }) => rules)) {
    if (alert === undefined || cases.includes(`alertname="${alert}"`)) continue;
    console.error(`${alert} fires in no case of scripts/monitoring/alerts*.test.yaml.`);
    process.exitCode = 1;
  }
}

/** promtool does not read dashboards: it gets their queries as rules. */
function checkQueries() {
  const queries = ROWS.flatMap(({ panels }) => panels.flatMap((panel) => panel.queries.map(([expr]) => expr)));
  const rules = queries.map((expr, index) => ({
    record: `panel:query:${index}`,
    expr: expr.replaceAll('$__rate_interval', '1m'),
  }));
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-dashboard-'));
  try {
    const file = join(folder, 'queries.json');
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] })); // JSON is YAML, too
    run('check', 'rules', file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

run('check', 'rules', RULES);
run('test', 'rules', ...CASES);
requireCases();
checkQueries();
