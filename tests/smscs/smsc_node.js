// An SMSC on npm's `smpp`: a library that is not ours, with the habits of real carriers.
//
//   NODE_PATH=<folder of setup.sh>/node_modules node smsc_node.js '{"port": 0, ...}'
//
// Tells what happens on stdout, one JSON object a line with an `event`: listening, bind,
// bind_refused, submit, text (all parts put together, as a handset shows it), receipt,
// receipt_resp, reply_resp, enquire_link, unbind, dropped, closed, stats, seen, held, reached, error.
// Takes commands on stdin, one JSON object a line with a `do`: reply {from, to, text, udh},
// deliver {from, to, hex, esm, coding, tlvs, payload}, drop, unbind, receipts, seen, stats,
// wait {submits}, quit. Ends when stdin ends.
//
// submit_sm_resp gives the message id in hex, the receipt gives the same number in decimal: that
// mismatch is on purpose, and common.
'use strict';
const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const options = Object.assign({
  port: 0,
  password: '',          // the only one allowed; '' for any
  bindStatus: 0,         // answer the first bindRefusals binds with this command_status
  bindRefusals: 1,
  respDelay: 0,          // ms before submit_sm_resp
  receipt: true,         // send receipts when asked for
  receiptDelay: 0,       // ms after the submit
  receiptFirst: false,   // the receipt goes out before submit_sm_resp
  receiptHold: false,    // receipts wait for the command `receipts`
  receiptTwice: false,
  receiptTlvs: false,    // receipted_message_id and message_state beside the text
  receiptState: 'DELIVRD',
  throttleEvery: 0,      // every n-th submit is answered RTHROTTLED; 0: none
  throttleFirst: 0,      // so are the first n
  throttleStatus: 0x58,
  refuse: [],            // destinations answered RINVDSTADR
  mute: false,           // submits are never answered
  dropEvery: 0,          // drop TCP at every n-th submit, with what is unanswered unanswered
  quiet: false,          // no submit, text and receipt events: count only
  cert: '', key: '',     // PEM files: TLS
}, JSON.parse(process.argv[2] || '{}'));

const sessions = new Set();
const parts = new Map();      // from|to|reference -> {number: text}
const seen = new Map();       // from|to|udh|text -> times submitted
const counts = { submits: 0, answered: 0, throttled: 0, drops: 0, receipts: 0, binds: 0 };
let binds = 0;
let lastId = 0xa0;            // so that hex and decimal look different from the first one on
let lastSession = 0;
const held = [];              // receipts that wait
let awaited = Infinity;       // submits at which `reached` is told

function tell(event, more) {
  process.stdout.write(JSON.stringify(Object.assign({ event }, more)) + '\n');
}

function stats() {
  let duplicates = 0;
  for (const times of seen.values()) duplicates += times - 1;
  tell('stats', Object.assign({ unique: seen.size, duplicates }, counts));
}

function reached() {
  if (counts.submits >= awaited) {
    awaited = Infinity;
    tell('reached', { submits: counts.submits });
  }
}

function receivers() {
  return [...sessions].filter((s) => s.role === 'transceiver' || s.role === 'receiver');
}

function sendReceipt(submit, id) {
  const to = receivers()[0];
  if (!to) return;
  const decimal = String(parseInt(id, 16));
  const done = options.receiptState === 'DELIVRD' ? '001' : '000';
  const pdu = {
    esm_class: 4,
    source_addr_ton: submit.dest_addr_ton,
    source_addr_npi: submit.dest_addr_npi,
    source_addr: submit.destination_addr,
    dest_addr_ton: submit.source_addr_ton,
    dest_addr_npi: submit.source_addr_npi,
    destination_addr: submit.source_addr,
    short_message: `id:${decimal} sub:001 dlvrd:${done} submit date:2611231200 `
      + `done date:2611231201 stat:${options.receiptState} err:000 text:none`,
  };
  if (options.receiptTlvs) {
    pdu.receipted_message_id = decimal;
    pdu.message_state = options.receiptState === 'DELIVRD' ? 2 : 5;
  }
  for (let time = 0; time < (options.receiptTwice ? 2 : 1); time++) {
    counts.receipts += 1;
    if (!options.quiet) tell('receipt', { message_id: id, receipt_id: decimal });
    to.smpp.deliver_sm(pdu, (resp) => {
      if (!options.quiet) tell('receipt_resp', { message_id: id, status: resp.command_status });
    });
  }
}

function place(udh) {
  for (const element of udh || []) {
    if (element[0] === 0x00 && element.length >= 5) {
      return { reference: element[2], total: element[3], number: element[4] };
    }
    if (element[0] === 0x08 && element.length >= 6) {
      return { reference: element.readUInt16BE(2), total: element[4], number: element[5] };
    }
  }
  return null;
}

function show(submit, text, udh) {
  const at = place(udh) || (submit.sar_total_segments && {
    reference: submit.sar_msg_ref_num,
    total: submit.sar_total_segments,
    number: submit.sar_segment_seqnum,
  }) || { reference: 0, total: 1, number: 1 };
  const key = `${submit.source_addr}|${submit.destination_addr}|${at.reference}|${at.total}`;
  const have = parts.get(key) || {};
  have[at.number] = text;
  parts.set(key, have);
  if (Object.keys(have).length < at.total) return;
  parts.delete(key);
  let whole = '';
  for (let number = 1; number <= at.total; number++) whole += have[number];
  tell('text', {
    source: submit.source_addr, destination: submit.destination_addr, text: whole, parts: at.total,
  });
}

function onSubmit(session, submit) {
  counts.submits += 1;
  reached();
  const content = submit.short_message || {};
  const payload = submit.message_payload && submit.message_payload.message;
  const text = payload || (typeof content.message === 'string'
    ? content.message : Buffer.from(content.message || '').toString('latin1'));
  const udh = content.udh;
  const head = udh ? Buffer.concat(udh).toString('hex') : '';
  const key = `${submit.source_addr}|${submit.destination_addr}|${head}|${text}`;
  seen.set(key, (seen.get(key) || 0) + 1);
  if (options.dropEvery && counts.submits % options.dropEvery === 0) {
    counts.drops += 1;
    tell('dropped', { session: session.number, submits: counts.submits });
    session.smpp.destroy();
    return;
  }
  const number = counts.submits;
  let status = 0;
  if (number <= options.throttleFirst
      || (options.throttleEvery && number % options.throttleEvery === 0)) {
    status = options.throttleStatus;
    counts.throttled += 1;
  } else if (options.refuse.includes(submit.destination_addr)) {
    status = 0x0b;
  }
  lastId += 1;
  const id = lastId.toString(16);
  if (!options.quiet) {
    tell('submit', {
      session: session.number,
      sequence: submit.sequence_number,
      source: submit.source_addr,
      source_ton: submit.source_addr_ton,
      source_npi: submit.source_addr_npi,
      destination: submit.destination_addr,
      destination_ton: submit.dest_addr_ton,
      destination_npi: submit.dest_addr_npi,
      data_coding: submit.data_coding,
      esm_class: submit.esm_class,
      registered_delivery: submit.registered_delivery,
      validity: submit.validity_period ? submit.validity_period.toISOString() : '',
      udh: head,
      text,
      status,
      message_id: status ? '' : id,
    });
  }
  if (options.mute) return;
  const answer = () => {
    const resp = submit.response(status ? { command_status: status } : { message_id: id });
    if (session.smpp.send(resp)) counts.answered += 1;
  };
  const receipt = () => {
    if (options.receiptHold) {
      held.push([submit, id]);
      tell('held', { message_id: id });
    } else if (!status && options.receipt && (submit.registered_delivery & 3) === 1) {
      if (options.receiptDelay) setTimeout(sendReceipt, options.receiptDelay, submit, id);
      else sendReceipt(submit, id);
    }
  };
  if (!status && !options.quiet) show(submit, text, udh);
  if (options.receiptFirst) receipt();
  const both = () => {
    answer();
    if (!options.receiptFirst) receipt();
  };
  if (options.respDelay) setTimeout(both, options.respDelay);
  else both();
}

function onBind(session, role, pdu) {
  binds += 1;
  let status = 0;
  if (options.password && pdu.password !== options.password) status = 0x0e;
  else if (options.bindStatus && binds <= options.bindRefusals) status = options.bindStatus;
  if (status) {
    session.smpp.send(pdu.response({ command_status: status }));
    session.smpp.close();
    tell('bind_refused', { system_id: pdu.system_id, status });
    return;
  }
  session.role = role;
  counts.binds += 1;
  session.smpp.send(pdu.response({ system_id: 'nodesmsc' }));
  tell('bind', {
    session: session.number, role, system_id: pdu.system_id, system_type: pdu.system_type,
    interface_version: pdu.interface_version,
  });
}

const tls = options.cert
  ? { cert: fs.readFileSync(options.cert), key: fs.readFileSync(options.key) } : {};
const server = smpp.createServer(tls, (connection) => {
  const session = { smpp: connection, role: '', number: ++lastSession };
  sessions.add(session);
  for (const role of ['transceiver', 'transmitter', 'receiver']) {
    connection.on(`bind_${role}`, (pdu) => onBind(session, role, pdu));
  }
  connection.on('submit_sm', (pdu) => {
    if (session.role === '' || session.role === 'receiver') {
      connection.send(pdu.response({ command_status: 0x04 }));
    } else {
      onSubmit(session, pdu);
    }
  });
  connection.on('enquire_link', (pdu) => {
    tell('enquire_link', { session: session.number });
    connection.send(pdu.response());
  });
  connection.on('unbind', (pdu) => {
    tell('unbind', { session: session.number });
    connection.send(pdu.response());
    connection.close();
  });
  connection.on('unbind_resp', () => {
    tell('unbind_resp', { session: session.number });
    connection.close();
  });
  connection.on('error', (error) => tell('error', { session: session.number, error: error.message }));
  connection.on('close', () => {
    sessions.delete(session);
    tell('closed', { session: session.number });
  });
});

const commands = {
  // udh: hex, its length included; the text is then one part of a longer one
  reply({ from, to, text, udh }) {
    const [session] = receivers();
    if (!session) {
      tell('error', { error: 'no receiver is bound' });
      return;
    }
    session.smpp.deliver_sm({
      source_addr_ton: 1, source_addr_npi: 1, source_addr: from,
      dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: to,
      ...(udh ? { esm_class: 0x40 } : {}),
      short_message: udh ? { udh: Buffer.from(udh, 'hex'), message: text } : text,
    }, (resp) => tell('reply_resp', { status: resp.command_status }));
  },
  // octets as they are; payload: in message_payload; tlvs: by their names in SMPP
  deliver({ from, to, hex, esm, coding, tlvs, payload }) {
    const [session] = receivers();
    if (!session) {
      tell('error', { error: 'no receiver is bound' });
      return;
    }
    const octets = Buffer.from(hex, 'hex');
    session.smpp.deliver_sm({
      source_addr_ton: 1, source_addr_npi: 1, source_addr: from,
      dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: to,
      esm_class: esm || 0, data_coding: coding || 0, ...(tlvs || {}),
      ...(payload ? { message_payload: octets } : { short_message: octets }),
    }, (resp) => tell('reply_resp', { status: resp.command_status }));
  },
  drop() {
    for (const session of sessions) session.smpp.destroy();
  },
  unbind() {
    for (const session of sessions) session.smpp.unbind();
  },
  set({ options: changed }) {
    Object.assign(options, changed);
    tell('set', {});
  },
  receipts() {
    for (const [submit, id] of held.splice(0)) sendReceipt(submit, id);
  },
  // Tells `reached` once this many submits have come.
  wait({ submits }) {
    awaited = submits;
    reached();
  },
  // Every destination with how often it was submitted, answered or not.
  seen() {
    const times = {};
    for (const [key, count] of seen) {
      const destination = key.split('|')[1];
      times[destination] = (times[destination] || 0) + count;
    }
    tell('seen', { times });
  },
  stats,
  quit() {
    process.exit(0);
  },
};

readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line);
    commands[command.do](command);
  })
  .on('close', () => process.exit(0));

server.on('error', (error) => tell('error', { error: error.message }));
server.on('tlsClientError', (error) => tell('error', { error: error.message }));
server.listen(options.port, '127.0.0.1', () => tell('listening', { port: server.address().port }));
