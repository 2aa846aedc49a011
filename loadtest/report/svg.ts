import { init } from 'echarts';

/** Line charts as SVG, drawn by ECharts without a browser. */
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
  /** Whether the axis is logarithmic, for values that span several powers of ten. */
  logarithmic?: boolean;
}

const WIDTH = 760;
const PANEL_HEIGHT = 150;
const TOP = 50;
const GAP = 70;
const SIDES = { left: 70, right: 150 };
/** Readable on light and dark pages, because a chart has no background of its own. */
const TEXT_COLOR = '#6b7280';
const COLORS = ['#2563eb', '#dc2626', '#059669', '#d97706'];

/** Draws the panels one below the other, over the same x axis. */
export function charts(title: string, axis: Axis, panels: readonly Panel[]): string {
  const height = TOP + panels.length * (PANEL_HEIGHT + GAP);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  const top = (index: number) => TOP + 20 + index * (PANEL_HEIGHT + GAP);
  const textStyle = { color: TEXT_COLOR };
  chart.setOption({
    animation: false,
    color: COLORS,
    textStyle,
    title: [
      { text: title, left: SIDES.left, top: 8, textStyle: { fontSize: 14, color: TEXT_COLOR } },
      ...panels.map((panel, index) => ({
        text: panel.title,
        left: SIDES.left,
        top: top(index) - 24,
        textStyle: { fontSize: 12, fontWeight: 'normal' as const, color: TEXT_COLOR },
      })),
    ],
    legend: panels.map(({ lines }, index) => ({
      data: lines.map(({ name }) => name),
      orient: 'vertical' as const,
      left: WIDTH - SIDES.right + 10,
      top: top(index),
      textStyle,
    })),
    grid: panels.map((_, index) => ({ ...SIDES, top: top(index), height: PANEL_HEIGHT })),
    xAxis: panels.map((_, index) => ({
      type: axis.logarithmic ? ('log' as const) : ('value' as const),
      gridIndex: index,
      min: 'dataMin' as const,
      max: 'dataMax' as const,
      splitLine: { show: false },
      axisLabel: textStyle,
      ...(index === panels.length - 1 && { name: axis.title, nameLocation: 'middle' as const, nameGap: 26 }),
    })),
    yAxis: panels.map((_, index) => ({
      type: 'value' as const,
      gridIndex: index,
      splitNumber: 3,
      axisLabel: textStyle,
    })),
    series: panels.flatMap(({ lines }, index) =>
      lines.map(({ name, points }, color) => ({
        name,
        type: 'line' as const,
        xAxisIndex: index,
        yAxisIndex: index,
        showSymbol: false,
        color: COLORS[color % COLORS.length] ?? TEXT_COLOR,
        data: points.filter(([, y]) => Number.isFinite(y)).map((point) => [...point]),
      })),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
