/** Generates charts/holdfast/files/dashboard.json from panels.mjs: `node scripts/monitoring/dashboard.mjs --write`. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readWriteCommand } from '../../app/config/command-line.mjs';
import { ROWS } from './panels.mjs';

const FILE = fileURLToPath(new URL('../../charts/holdfast/files/dashboard.json', import.meta.url));
const SOURCE = { type: 'prometheus', uid: '$datasource' };
const COLUMNS = 24;
const WIDTH = 8;
const HEIGHT = 8;

/**
 * @param {import('./panels.mjs').Panel} panel
 * @param {number} id
 * @param {{ x: number, y: number }} at
 */
function drawn(panel, id, at) {
  const { title, about, unit = 'short', stat = false, queries, thresholds, max, stack = false } = panel;
  const [warn, bad] = thresholds ?? [];
  const steps = [
    { color: thresholds || !stat ? 'green' : 'text', value: null },
    ...(thresholds
      ? [
          { color: 'orange', value: warn },
          { color: 'red', value: bad },
        ]
      : []),
  ];
  const custom = {
    fillOpacity: stack ? 30 : 5,
    lineWidth: 1,
    showPoints: 'never',
    stacking: { mode: stack ? 'normal' : 'none' },
    thresholdsStyle: { mode: thresholds ? 'dashed' : 'off' },
  };
  return {
    id,
    type: stat ? 'stat' : 'timeseries',
    title,
    description: about,
    datasource: SOURCE,
    gridPos: { ...at, w: WIDTH, h: HEIGHT },
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(max !== undefined && { max }),
        thresholds: { mode: 'absolute', steps },
        ...(!stat && { custom }),
      },
      overrides: [],
    },
    options: stat
      ? { colorMode: 'background', graphMode: 'none', reduceOptions: { calcs: ['lastNotNull'] } }
      : {
          legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
          tooltip: { mode: 'multi', sort: 'desc' },
        },
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: SOURCE,
      expr,
      legendFormat,
    })),
  };
}

function panels() {
  const all = [];
  let y = 0;
  for (const { title, panels } of ROWS) {
    all.push({
      id: all.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    });
    y += 1;
    for (const [index, panel] of panels.entries()) {
      const x = (index * WIDTH) % COLUMNS;
      all.push(drawn(panel, all.length + 1, { x, y: y + Math.floor((index * WIDTH) / COLUMNS) * HEIGHT }));
    }
    y += Math.ceil((panels.length * WIDTH) / COLUMNS) * HEIGHT;
  }
  return all;
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} query
 */
function variable(name, label, query) {
  return {
    type: 'query',
    name,
    label,
    datasource: SOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    // Includes series without this label.
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
  };
}

/** @returns {string} the file's content */
export function dashboard() {
  const labels = 'holdfast_authority_epoch';
  const model = {
    uid: 'holdfast',
    title: 'Holdfast',
    description: 'Traffic, latency, ledger, flush, stores, processes and reconciliation of the balance service.',
    tags: ['holdfast'],
    schemaVersion: 38,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    templating: {
      list: [
        { type: 'datasource', name: 'datasource', label: 'Data source', query: 'prometheus', refresh: 1, current: {} },
        variable('namespace', 'Namespace', `label_values(${labels}, namespace)`),
        variable('release', 'Release', `label_values(${labels}{namespace=~"$namespace"}, release)`),
        variable('pod', 'Pod', `label_values(${labels}{namespace=~"$namespace",release=~"$release"}, pod)`),
        variable('shard', 'Shard', `label_values(${labels}{namespace=~"$namespace",release=~"$release"}, shard)`),
      ],
    },
    annotations: {
      list: [
        {
          name: 'Moves of the authority',
          datasource: SOURCE,
          enable: true,
          iconColor: 'purple',
          expr: 'changes(holdfast:authority_epoch:max{namespace=~"$namespace",release=~"$release"}[1m]) > 0',
          titleFormat: 'New epoch',
        },
      ],
    },
    panels: panels(),
  };
  return `${JSON.stringify(model, null, 1)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  readWriteCommand('node scripts/monitoring/dashboard.mjs', 'Generates charts/holdfast/files/dashboard.json.');
  writeFileSync(FILE, dashboard());
}
