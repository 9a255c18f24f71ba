/** Horizontal bars as SVG, readable on light and dark pages. */

interface ChartBar {
  /** Which of the chart's series. */
  readonly series: string;
  readonly value: number;
}

export interface Chart {
  readonly title: string;
  /** What a value is, behind the title. */
  readonly unit: string;
  readonly groups: readonly { readonly label: string; readonly bars: readonly ChartBar[] }[];
  /** A value as text. */
  readonly format: (value: number) => string;
}

const WIDTH = 720;
const LABEL_WIDTH = 130;
const VALUE_WIDTH = 90;
const BAR = 16;
const BAR_GAP = 3;
const GROUP_GAP = 14;
const TOP = 58;
const CHAR_WIDTH = 7;
const LEGEND_GAP = 34;
/** Of a luminance that stands out on white and on black. */
const COLORS = ["#3b82c4", "#5fb3a3", "#d9822b", "#a66fb5", "#8a9a5b", "#9aa0a6"];
const STYLE = `text{font:12px system-ui,sans-serif;fill:#3d444d}.t{font-weight:600;font-size:14px}
@media(prefers-color-scheme:dark){text{fill:#c9d1d9}}`;

/** The text of the SVG. Colours follow the order in which series appear. */
export function chartSvg({ title, unit, groups, format }: Chart): string {
  const series = [...new Set(groups.flatMap((g) => g.bars.map((bar) => bar.series)))];
  const max = Math.max(...groups.flatMap((g) => g.bars.map((bar) => bar.value)), 0) || 1;
  const scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / max;
  const parts: string[] = [];
  let legendX = LABEL_WIDTH;
  for (const [i, name] of series.entries()) {
    parts.push(`<rect x="${legendX}" y="32" width="10" height="10" rx="2" fill="${colorOf(i)}"/>`);
    parts.push(text(legendX + 15, 41, name));
    legendX += name.length * CHAR_WIDTH + LEGEND_GAP;
  }
  let y = TOP;
  for (const { label, bars } of groups) {
    const height = bars.length * (BAR + BAR_GAP) - BAR_GAP;
    parts.push(text(LABEL_WIDTH - 10, y + height / 2 + 4, label, `text-anchor="end"`));
    for (const { series: name, value } of bars) {
      const width = Math.max(1, value * scale);
      const color = colorOf(series.indexOf(name));
      parts.push(
        `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2" fill="${color}"/>`,
      );
      parts.push(text(LABEL_WIDTH + width + 6, y + 12, format(value)));
      y += BAR + BAR_GAP;
    }
    y += GROUP_GAP;
  }
  const width = Math.max(WIDTH, legendX);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" role="img">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
${text(0, 16, `${title} (${unit})`, `class="t"`)}
${parts.join("\n")}
</svg>
`;
}

function colorOf(series: number): string {
  return COLORS[series % COLORS.length]!;
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
