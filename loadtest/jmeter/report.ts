import { parse } from 'csv-parse/sync';
import { quantile, round } from '../measure.ts';
import { charts } from '../report/svg.ts';

/** One request, as recorded by JMeter. */
export interface Sample {
  label: string;
  startMs: number;
  elapsedMs: number;
  good: boolean;
  code: string;
}

const COLUMNS = ['timeStamp', 'elapsed', 'label', 'responseCode', 'success'];

/** @param text the results of JMeter as CSV with a header @throws Error if a column is missing */
export function samplesOf(text: string): Sample[] {
  const columns = (heading: string[]) => {
    const missing = COLUMNS.find((name) => !heading.includes(name));
    if (missing !== undefined) throw new Error(`JMeter's results have no column ${missing}`);
    return heading;
  };
  const rows = parse(text, { columns, skip_empty_lines: true }) as Record<string, string>[];
  return rows.map((row) => ({
    label: row['label'] ?? '',
    startMs: Number(row['timeStamp']),
    elapsedMs: Number(row['elapsed']),
    good: row['success'] === 'true',
    code: row['responseCode'] ?? '',
  }));
}

function grouped<K>(samples: readonly Sample[], keyOf: (sample: Sample) => K): Map<K, Sample[]> {
  const groups = new Map<K, Sample[]>();
  for (const sample of samples) {
    const key = keyOf(sample);
    const group = groups.get(key);
    if (group) group.push(sample);
    else groups.set(key, [sample]);
  }
  return groups;
}

/** Per kind of request: how many, how many wrong, per second, and latencies in ms. */
export function summaryOf(samples: readonly Sample[]): Record<string, Record<string, number>> {
  const begin = Math.min(...samples.map(({ startMs }) => startMs));
  const end = Math.max(...samples.map(({ startMs, elapsedMs }) => startMs + elapsedMs));
  return Object.fromEntries(
    [...grouped(samples, ({ label }) => label)].map(([label, some]) => {
      const sorted = Float64Array.from(some, ({ elapsedMs }) => elapsedMs).sort();
      return [
        label,
        {
          requests: some.length,
          wrong: some.filter(({ good }) => !good).length,
          'per second': round((1000 * some.length) / (end - begin || 1), 1),
          p50: quantile(sorted, 0.5),
          p95: quantile(sorted, 0.95),
          p99: quantile(sorted, 0.99),
          max: sorted.at(-1) ?? Number.NaN,
        },
      ];
    }),
  );
}

/** A page that needs nothing else: the table, and both over time. JMeter's own dashboard begins with its version 3. */
export function reportOf(samples: readonly Sample[]): string {
  const rows = Object.entries(summaryOf(samples));
  const names = Object.keys(rows[0]?.[1] ?? {});
  const begin = Math.min(...samples.map(({ startMs }) => startMs));
  const perSecond = [...grouped(samples, ({ label }) => label)].map(([name, some]) => ({
    name,
    seconds: [...grouped(some, ({ startMs }) => Math.floor((startMs - begin) / 1000))].sort(([a], [b]) => a - b),
  }));
  const p95 = (some: readonly Sample[]) => quantile(Float64Array.from(some, ({ elapsedMs }) => elapsedMs).sort(), 0.95);
  const lines = (value: (some: readonly Sample[]) => number) =>
    perSecond.map(({ name, seconds }) => ({
      name,
      points: seconds.map(([second, some]) => [second, value(some)] as const),
    }));
  const picture = charts('Over time', { title: 'seconds' }, [
    { title: 'requests per second', lines: lines((some) => some.length) },
    { title: 'p95, ms', lines: lines(p95) },
  ]);
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Holdfast under JMeter</title>
<style>body{font:14px sans-serif;margin:2em auto;max-width:60em}td,th{padding:.3em 1em;text-align:right;border-bottom:1px solid #ddd}</style>
<h1>Holdfast under JMeter</h1>
<p>From ${new Date(begin).toISOString()}. Latencies in ms, measured from the time of sending.</p>
<table><tr><th>request</th>${names.map((name) => `<th>${name}</th>`).join('')}</tr>
${rows.map(([label, figures]) => `<tr><th>${label}</th>${names.map((name) => `<td>${figures[name]}</td>`).join('')}</tr>`).join('\n')}
</table>
${picture}
</html>
`;
}
