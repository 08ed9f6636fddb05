"""How the page looks."""

STYLE = """
:root{color-scheme:light dark;--ink:#1b2027;--soft:#5c6672;--line:#dfe3e8;--paper:#fff;--card:#f6f7f9;--bar:#2f7ed8;
  --ok:#1e8e4e;--bad:#c0392b;--warn:#b26a00;--gap:#e6a23c33}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebef;--soft:#98a2ae;--line:#2c333c;--paper:#14171c;--card:#1c2128;
  --bar:#5aa5f5;--ok:#4cc38a;--bad:#ff7b6b;--warn:#f0b25a;--gap:#f0b25a2b}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:28px 24px 60px;background:var(--paper);color:var(--ink);
  font:15px/1.5 system-ui,sans-serif}
h1{font-size:25px;margin:0 0 4px}
h2{font-size:18px;margin:38px 0 10px}
h3{font-size:14px;margin:0;font-weight:600;overflow-wrap:anywhere}
p{margin:4px 0}
.soft,.none{color:var(--soft)}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0}
.fact{background:var(--card);border-radius:8px;padding:10px 16px}
.fact b{display:block;font-size:22px}
.ok{color:var(--ok)}
.bad,.error b{color:var(--bad)}
.warning b,h3 .warning{color:var(--warn)}
.info b{color:var(--soft)}
.findings{padding:0;margin:0;list-style:none}
.findings li{padding:5px 10px;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
.findings b{font-weight:600;margin-right:6px}
.findings code{color:var(--soft);margin-left:6px}
.card{background:var(--card);border-radius:8px;padding:10px 14px;margin:0 0 10px}
.plot{display:grid;grid-template-columns:92px 1fr;gap:8px;height:110px}
.axis{display:flex;flex-direction:column;justify-content:space-between;text-align:right;font-size:11px;color:var(--soft);
  overflow-wrap:anywhere}
svg{width:100%;height:110px;display:block}
path{fill:none;stroke:var(--bar);stroke-width:1.2;vector-effect:non-scaling-stroke}
.l1{stroke:#d8572f}.l2{stroke:#3aa66a}.l3{stroke:#8e5bd0}.l4{stroke:#c99a1a}.l5{stroke:#1aa3b0}.l6{stroke:#888}
path.unsure{stroke:var(--warn);stroke-width:3}
path.bad{stroke:var(--bad);stroke-width:3}
.gap{fill:var(--gap)}
circle{fill:none;stroke:var(--bad);stroke-width:1.5;vector-effect:non-scaling-stroke}
.key{display:inline-block;width:12px;height:12px;border-radius:3px;margin:0 5px 0 10px;vertical-align:-1px}
.gapkey{background:var(--gap);border:1px solid var(--warn)}
.outkey{border:2px solid var(--bad);border-radius:6px}
.unsurekey{background:var(--warn);height:4px;vertical-align:3px}
.badkey{background:var(--bad);height:4px;vertical-align:3px}
table{border-collapse:collapse;width:100%}
.wide{overflow-x:auto}
th,td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--soft)}
th:first-child,td:first-child{text-align:left}
code{font-size:12.5px;overflow-wrap:anywhere}
"""
