/** Line charts as SVG, by a few lines of our own: light, readable on white and on dark, and small enough to be kept in git. */
export interface Line {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}
export interface Panel {
  title: string;
  lines: readonly Line[];
}
export interface Axis {
  title: string;
  /** For what spans powers of ten. */
  logarithmic?: boolean;
}

const WIDTH = 760;
const PANEL_HEIGHT = 150;
const LEFT = 70;
const RIGHT = 150;
const TOP = 30;
const GAP = 42;
const COLOURS = ['#2563eb', '#dc2626', '#059669', '#d97706'];

/** The panels one above the other, over the same x. */
export function charts(title: string, axis: Axis, panels: readonly Panel[]): string {
  const xs = panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(([x]) => place(axis, x))));
  const [from, to] = [Math.min(...xs), Math.max(...xs)];
  const x = (value: number) => LEFT + ((place(axis, value) - from) / (to - from || 1)) * (WIDTH - LEFT - RIGHT);
  const height = TOP + panels.length * (PANEL_HEIGHT + GAP) + 10;
  const body = panels.map((panel, index) => drawn(panel, x, TOP + 18 + index * (PANEL_HEIGHT + GAP)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<title>${escaped(title)}</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="${LEFT}" y="18" font-size="14" font-weight="bold">${escaped(title)}</text>
${body.join('\n')}
<text x="${WIDTH - RIGHT}" y="${height - 8}" text-anchor="end" fill="#555">${escaped(axis.title)}</text>
</svg>
`;
}

const place = ({ logarithmic = false }: Axis, value: number): number => (logarithmic ? Math.log10(value) : value);

function drawn({ title, lines }: Panel, x: (value: number) => number, top: number): string {
  const all = lines.flatMap(({ points }) => points).filter(([, y]) => Number.isFinite(y));
  const most = roundUp(Math.max(...all.map(([, y]) => y), 0));
  const y = (value: number) => top + PANEL_HEIGHT - (value / most) * PANEL_HEIGHT;
  const marks = [0, most / 2, most].map(
    (value) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end" fill="#555">${value.toLocaleString('en')}</text>`,
  );
  const xs = [...new Set(all.map(([at]) => at))];
  const [first = 0, last = 0] = [Math.min(...xs), Math.max(...xs)];
  const ends = [first, last].map(
    (at) =>
      `<text x="${x(at)}" y="${top + PANEL_HEIGHT + 14}" text-anchor="middle" fill="#555">${at.toLocaleString('en')}</text>`,
  );
  const curves = lines.map(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const finite = points.filter(([, value]) => Number.isFinite(value));
    const path = finite.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.8"/><text x="${WIDTH - RIGHT + 10}" y="${top + 12 + index * 16}" fill="${colour}">${escaped(name)}</text>`;
  });
  return [`<text x="${LEFT}" y="${top - 6}" fill="#333">${escaped(title)}</text>`, ...marks, ...ends, ...curves].join(
    '\n',
  );
}

/** To 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
