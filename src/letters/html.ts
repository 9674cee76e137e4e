/**
 * A letter as HTML that mail clients render: nested tables, styles inline, nothing fetched and nothing to click. The style block is
 * for what cannot be inline, dark mode and narrow screens; a client that drops it shows the light letter.
 */

import { html, type Markup, bidirectional as name } from '../markup.ts';
import type { Sheet, SheetRow } from './letter.ts';

/** The whole HTML part, an English document of its own. */
export function htmlPage(sheet: Sheet): string {
  return html`<!DOCTYPE html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no">
<title>${sheet.subject}</title>
${STYLE}
</head>
<body class="page" style="margin:0;padding:0;background-color:#f3f4f6">
<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">Order total ${sheet.total}, placed on ${sheet.placedOn}.</div>
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" style="background-color:#f3f4f6">
<tr><td class="around" align="center" style="padding:32px 16px;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
${card(sheet)}
<p class="quiet" style="max-width:536px;margin:20px auto 0;font-size:12px;line-height:18px;color:#5f6b7a">${sheet.reason}</p>
</td></tr>
</table>
</body>
</html>
`.markup;
}

/** 600 pixels wide, as an attribute for clients that know no max-width. */
function card(sheet: Sheet): Markup {
  return html`<table role="presentation" class="card" width="600" cellpadding="0" cellspacing="0" border="0" style="width:100%;max-width:600px;background-color:#ffffff;border:1px solid #e2e5ea;border-top:4px solid #1f6f5c;border-radius:8px;text-align:left">
<tr><td class="inside ink" style="padding:36px 40px 40px;font-size:16px;line-height:24px;color:#1d2733">
${greeting(sheet)}
${orderFacts(sheet)}
${itemsTable(sheet)}
${totalLine(sheet)}
<p style="margin:28px 0 0">${sheet.closing}</p>
</td></tr>
</table>`;
}

function greeting(sheet: Sheet): Markup {
  return html`<p class="accent" style="margin:0 0 8px;font-size:13px;line-height:18px;font-weight:600;color:#1f6f5c">${sheet.label}</p>
<h1 style="margin:0 0 20px;font-size:26px;line-height:32px;font-weight:700">${sheet.headline}</h1>
<p style="margin:0 0 12px;word-break:break-word;overflow-wrap:anywhere">Hello ${name(sheet.customerName)},</p>
<p style="margin:0 0 24px">${sheet.opening}</p>`;
}

function orderFacts(sheet: Sheet): Markup {
  return html`<table role="presentation" class="panel" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin:0 0 20px;background-color:#f3f4f6;border-radius:6px">
<tr><td style="padding:14px 16px;font-size:14px;line-height:20px">
<span class="quiet" style="color:#5f6b7a">Order number</span><br>
<span style="word-break:break-word">${sheet.orderId}</span><br>
<span class="quiet" style="display:inline-block;padding-top:8px;color:#5f6b7a">Placed on</span><br>
${sheet.placedOn}
</td></tr>
</table>`;
}

function itemsTable(sheet: Sheet): Markup {
  return html`<table width="100%" cellpadding="0" cellspacing="0" border="0" style="border-collapse:collapse">
<tr>
<th class="quiet rule" scope="col" align="left" style="padding:8px 0;border-bottom:1px solid #e2e5ea;font-size:13px;line-height:18px;font-weight:400;color:#5f6b7a">Item</th>
<th class="quiet rule" scope="col" align="right" style="padding:8px 0;border-bottom:1px solid #e2e5ea;font-size:13px;line-height:18px;font-weight:400;color:#5f6b7a">Amount</th>
</tr>
${sheet.rows.map(itemRow)}
</table>`;
}

/** A table of its own, so that a large total takes no width from the names. */
function totalLine(sheet: Sheet): Markup {
  return html`<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
<tr>
<td style="padding:16px 12px 0 0;font-size:18px;font-weight:700;vertical-align:top">Order total</td>
<td align="right" style="padding:16px 0 0;font-size:18px;font-weight:700">${sheet.total}</td>
</tr>
</table>`;
}

/** Kept short: Gmail cuts a letter off at 102 kB, which leaves room for about 150 items. */
function itemRow(row: SheetRow): Markup {
  return html`<tr>
<td class="rule" style="padding:14px 12px 14px 0;border-bottom:1px solid #e2e5ea;vertical-align:top;word-break:break-word;overflow-wrap:anywhere"><b>${name(row.name)}</b><br>
<span class="quiet" style="font-size:14px;color:#5f6b7a"><span style="display:inline-block;padding-right:14px">${row.quantity} × ${row.unitPrice}</span> <span style="display:inline-block">SKU ${name(row.sku)}</span></span></td>
<td class="rule" align="right" style="padding:14px 0;border-bottom:1px solid #e2e5ea;vertical-align:top;white-space:nowrap">${row.amount}</td>
</tr>`;
}

const STYLE = html`<style>
:root { color-scheme: light dark; }
table, td, th, p, h1 { font-family: -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; }
@media (max-width: 480px) {
  .around { padding: 12px 8px 24px !important; }
  .inside { padding: 24px 20px 28px !important; }
}
@media (prefers-color-scheme: dark) {
  .page { background-color: #101418 !important; }
  .card { background-color: #1a2027 !important; border-color: #2f3843 !important; border-top-color: #5fbfa3 !important; }
  .panel { background-color: #232b34 !important; }
  .ink { color: #e7eaee !important; }
  .quiet { color: #a5b0bc !important; }
  .accent { color: #5fbfa3 !important; }
  .rule { border-color: #2f3843 !important; }
}
</style>`;
