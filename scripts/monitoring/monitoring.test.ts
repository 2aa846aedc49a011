import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Metrics } from '../../app/telemetry/metrics.ts';
import { dashboard } from './dashboard.mjs';
import { ROWS } from './panels.mjs';

interface Alert {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: { summary: string; description: string; runbook: string };
}
interface Recorded {
  record: string;
  expr: string;
}

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const { groups } = parse(read('charts/holdfast/files/alerts.yaml')) as { groups: { rules: (Alert | Recorded)[] }[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter((rule) => 'alert' in rule);
const recorded = new Map(rules.filter((rule) => 'record' in rule).map(({ record, expr }) => [record, expr]));
const queries = ROWS.flatMap(({ panels }) => panels.flatMap((panel) => panel.queries.map(([expr]) => expr)));

/** Replaces recorded series in an expression by their definitions. */
function written(expr: string): string {
  const whole = expr.replace(/\bholdfast:\w+(?::\w+)?/g, (name) => recorded.get(name) ?? `unknown_${name}`);
  return whole === expr ? expr : written(whole);
}
const metricsIn = (expr: string) => new Set(written(expr).match(/\b(?:holdfast|process|nodejs)_\w+/g) ?? []);

/** The table in docs/observability.md: for each alert, the metrics of its condition, and whether it pages. */
function conditions(): Map<string, { metrics: string[]; severity: string }[]> {
  const found = new Map<string, { metrics: string[]; severity: string }[]>();
  for (const line of read('docs/observability.md').split('\n')) {
    const metric = /^\| `(\w+)/.exec(line)?.[1];
    for (const [whole, anchor = ''] of line.matchAll(/(?:\*\*)?\[[^\]]+\]\(runbook\.md#(\w+)\)/g)) {
      const severity = whole.startsWith('**') ? 'page' : 'ticket';
      found.set(anchor, [...(found.get(anchor) ?? []), { metrics: metric ? [metric] : [], severity }]);
    }
  }
  return found;
}

const runbook = read('docs/runbook.md');
const headings = [...runbook.matchAll(/^## (\w+)$/gm)].map(([, name]) => name ?? '');

describe('The alerts', () => {
  it('are those of docs/observability.md, and page if they are bold there', () => {
    const table = conditions();
    expect([...table.keys()].sort()).toEqual(alerts.map(({ alert }) => alert.toLowerCase()).sort());
    for (const { alert, expr, labels } of alerts) {
      for (const { metrics, severity } of table.get(alert.toLowerCase()) ?? []) {
        expect.soft({ alert, severity }).toEqual({ alert, severity: labels.severity });
        for (const metric of metrics) {
          const used = [...metricsIn(expr)].some((name) => name.replace(/_(bucket|sum|count)$/, '') === metric);
          expect.soft({ alert, metric, used }).toEqual({ alert, metric, used: true });
        }
      }
    }
  });

  it('have one section each in the runbook, and vice versa', () => {
    expect([...headings].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
    for (const { alert, annotations } of alerts) {
      expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
      expect(annotations.summary).toMatch(/\.$/);
      expect(annotations.description).toContain('$labels.release');
    }
  });

  it('have their meaning, impact, checks, remedy and resolution in the runbook', () => {
    for (const page of runbook.split(/^## /m).slice(1)) {
      for (const part of ['Meaning', 'Client impact', 'Check', 'Resolved when'])
        expect.soft(page).toContain(`**${part}`);
      expect.soft(page).toMatch(/\*\*(Check and fix|Fix):\*\*/);
    }
    for (const [, anchor] of runbook.matchAll(/\]\(#(\w+)\)/g)) {
      expect(headings.map((name) => name.toLowerCase())).toContain(anchor);
    }
  });
});

describe('Every metric', () => {
  const known = new Set<string>();
  beforeAll(async () => {
    const metrics = new Metrics();
    const zero = () => 0;
    metrics.sample({ requestsInFlight: zero, eventListeners: zero, clientConnections: zero });
    const ledger = metrics.ofShard(null);
    metrics.ofCrossings();
    metrics.ofWebhooks();
    metrics.sample({ webhooksActive: zero, webhooksStopped: zero, webhooksHeld: zero, webhooksFailing: zero });
    metrics.sample({ webhookBehindSeconds: zero });
    ledger.sample({ queueTransfers: zero, tailEntries: zero, tailBytes: zero, clockOffsetSeconds: zero });
    ledger.sample({ journalEntries: zero, journalAgeSeconds: zero, accountsCached: zero, frozenAccounts: zero });
    ledger.sample({ holdsCached: zero, holdExpiryDelaySeconds: zero, eventFeedBehindSeconds: zero });
    ledger.sample({ searchBehindSeconds: zero });
    for (const [, name = '', type] of (await metrics.text()).matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
      known.add(name);
      if (type === 'histogram') for (const part of ['bucket', 'sum', 'count']) known.add(`${name}_${part}`);
    }
  });

  it('in the rules exists in the code', () => {
    for (const rule of rules) for (const name of metricsIn(rule.expr)) expect.soft([...known]).toContain(name);
  });

  it('in the dashboard exists in the code or in the rules, and every metric of the code is on the dashboard', () => {
    const shown = new Set(queries.flatMap((expr) => [...metricsIn(expr)]));
    for (const name of shown) expect.soft([...known]).toContain(name);
    const base = new Set([...shown].map((name) => name.replace(/_(bucket|sum|count)$/, '')));
    const ours = [...known].filter((name) => /^holdfast_/.test(name) && !/_(bucket|sum|count)$/.test(name));
    expect(ours.filter((name) => !base.has(name))).toEqual([]);
  });
});

describe('The dashboard', () => {
  it('is generated from panels.mjs; otherwise run: node scripts/monitoring/dashboard.mjs --write', () => {
    expect(read('charts/holdfast/files/dashboard.json')).toBe(dashboard());
  });

  it('is small enough for a ConfigMap, and describes every panel', () => {
    expect(Buffer.byteLength(dashboard())).toBeLessThan(200 * 1024);
    for (const { panels } of ROWS) for (const { about } of panels) expect(about).toMatch(/\.$/);
    const titles = ROWS.flatMap(({ panels }) => panels.map(({ title }) => title));
    expect(new Set(titles).size).toBe(titles.length);
  });
});
