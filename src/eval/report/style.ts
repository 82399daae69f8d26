/**
 * The style sheet of `report.html`, light or dark as the reader has it.
 * @module
 */

/** CSS for the classes that the page and the charts use. */
export const STYLE = `
:root { color-scheme: light dark; --page: #fff; --text: #1c2430; --soft: #5b6676; --line: #dfe4ea;
  --panel: #f6f8fa; --s0: #2f6fb5; --s1: #e08a2c; --s2: #4f9d69; --s3: #9a62b5; --good: #1d7a3f;
  --bad: #b3372b; }
@media (prefers-color-scheme: dark) { :root { --page: #14181d; --text: #e4e9ef; --soft: #9aa6b4;
  --line: #313943; --panel: #1c222a; --s0: #6ea8e6; --s1: #f0ab5c; --s2: #78c391; --s3: #c194d8;
  --good: #6fcf8f; --bad: #ef8a7e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1040px; padding: 32px 24px 64px; background: var(--page);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 40px 0 12px; }
p.about, .soft { color: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 20px 0; padding: 0; }
.tile { flex: 1 1 160px; background: var(--panel); border: 1px solid var(--line);
  border-radius: 8px; padding: 12px 16px; }
.tile b { display: block; font-size: 26px; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
figure { margin: 16px 0; max-width: 760px; }
figcaption { font-weight: 600; margin-bottom: 6px; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
svg text { fill: var(--text); }
svg .tick, svg .value, svg .legend { fill: var(--soft); font-size: 11px; }
svg .grid { stroke: var(--line); }
svg .mark { stroke: var(--soft); stroke-dasharray: 4 3; }
svg .whisker { stroke: var(--text); fill: none; opacity: .65; }
.s0 { fill: var(--s0); } .s1 { fill: var(--s1); } .s2 { fill: var(--s2); } .s3 { fill: var(--s3); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
td.good { color: var(--good); } td.bad { color: var(--bad); }
details { border-bottom: 1px solid var(--line); padding: 6px 0; }
details.list { margin: 14px 0; padding: 0; border: 0; }
summary { cursor: pointer; }
details.list > summary { font-weight: 600; padding: 6px 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 14px; margin: 8px 0 8px 18px; }
dt { color: var(--soft); }
dd { margin: 0; }
code { font: 13px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
`;
