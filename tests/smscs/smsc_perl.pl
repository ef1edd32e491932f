#!/usr/bin/perl
# An SMSC on Debian's Net::SMPP: a library that is not ours; its receipts are text only, no TLVs.
#
#   perl smsc_perl.pl '{"port": 0, ...}'
#
# Tells what happens on stdout, one JSON object a line with an `event`: listening, bind, bind_refused,
# submit, receipt, receipt_resp, enquire_link, unbind, closed. Takes commands on stdin, one JSON
# object a line with a `do`: reply {from, to, text}, drop, quit. Ends when stdin ends.
use strict;
use warnings;
use IO::Select;
use JSON::PP;
use Net::SMPP;

$| = 1;
my $json = JSON::PP->new->canonical->utf8;
my %option = (
    port           => 0,
    password       => '',           # the only one allowed; '' for any
    receipt        => 1,
    receipt_first  => 0,            # the receipt goes out before submit_sm_resp
    receipt_state  => 'DELIVRD',
    throttle_every => 0,            # every n-th submit is answered RTHROTTLED
    mute           => 0,            # submits are never answered
    drop_every     => 0,            # drop TCP at every n-th submit
    %{ $json->decode($ARGV[0] // '{}') },
);

use constant {
    BIND_RECEIVER => 0x01, BIND_TRANSMITTER => 0x02, SUBMIT_SM => 0x04, UNBIND => 0x06,
    BIND_TRANSCEIVER => 0x09, ENQUIRE_LINK => 0x15, DELIVER_SM_RESP => 0x80000005,
};
my %role = (
    BIND_RECEIVER, 'receiver', BIND_TRANSMITTER, 'transmitter', BIND_TRANSCEIVER, 'transceiver',
);
my (%peer, %waiting);    # fileno -> {smpp, role}; "fileno/seq" of a deliver_sm -> what it was
my ($last_id, $submits) = (0, 0);

sub tell_event { print $json->encode({ event => shift, @_ }), "\n" }

my $listener = Net::SMPP->new_listen('127.0.0.1', port => $option{port}, smpp_version => 0x34,
    interface_version => 0x00, timeout => 3600) or die "cannot listen: $!";
my $select = IO::Select->new($listener, \*STDIN);
tell_event('listening', port => $listener->sockport + 0);

while (my @ready = $select->can_read) {
    for my $handle (@ready) {
        if ($handle == $listener) { accept_peer() }
        elsif ($handle == \*STDIN) { command() }
        else { serve($handle) if $peer{ fileno $handle } }
    }
}

sub accept_peer {
    my $smpp = $listener->accept or return;
    $smpp->set_version(0x34);
    ${*$smpp}{async} = 1;
    $peer{ fileno $smpp } = { smpp => $smpp, role => '' };
    $select->add($smpp);
}

sub close_peer {
    my ($smpp) = @_;
    $select->remove($smpp);
    delete $peer{ fileno $smpp };
    close $smpp;
    tell_event('closed');
}

sub command {
    my $line = '';
    # Unbuffered, as select looks at the descriptor and not at perl's buffer.
    while (1) {
        my $got = sysread(STDIN, my $octet, 1);
        exit 0 unless $got;
        last if $octet eq "\n";
        $line .= $octet;
    }
    my $command = $json->decode($line);
    my $do = $command->{do};
    if ($do eq 'quit') { exit 0 }
    elsif ($do eq 'drop') { close_peer($_->{smpp}) for values %peer }
    elsif ($do eq 'reply') {
        deliver('reply', source_addr => $command->{from}, destination_addr => $command->{to},
            esm_class => 0, short_message => $command->{text});
    }
}

sub deliver {
    my ($what, %field) = @_;
    my ($to) = grep { $_->{role} =~ /^(receiver|transceiver)$/ } values %peer;
    return unless $to;
    my $seq = $to->{smpp}->deliver_sm(source_addr_ton => 1, source_addr_npi => 1,
        dest_addr_ton => 1, dest_addr_npi => 1, async => 1, %field);
    $waiting{ fileno($to->{smpp}) . "/$seq" } = $what;
}

sub serve {
    my ($smpp) = @_;
    local $SIG{__WARN__} = sub { };    # an end of file is no news
    my $pdu = $smpp->read_pdu;
    if (!$pdu) { close_peer($smpp); return }
    my ($cmd, $seq) = ($pdu->{cmd}, $pdu->{seq});
    if ($role{$cmd}) { bind_peer($smpp, $pdu, $role{$cmd}) }
    elsif ($cmd == SUBMIT_SM) { submit($smpp, $pdu) }
    elsif ($cmd == ENQUIRE_LINK) {
        $smpp->enquire_link_resp(seq => $seq);
        tell_event('enquire_link');
    }
    elsif ($cmd == UNBIND) {
        $smpp->unbind_resp(seq => $seq);
        tell_event('unbind');
        close_peer($smpp);
    }
    elsif ($cmd == DELIVER_SM_RESP) {
        my $what = delete $waiting{ fileno($smpp) . "/$seq" } // 'unknown';
        tell_event("${what}_resp", status => $pdu->{status} + 0);
    }
}

sub bind_peer {
    my ($smpp, $pdu, $role) = @_;
    my $answer = "bind_${role}_resp";
    if ($option{password} ne '' && $pdu->{password} ne $option{password}) {
        $smpp->$answer(seq => $pdu->{seq}, system_id => '', status => 0x0e);
        tell_event('bind_refused', system_id => $pdu->{system_id});
        close_peer($smpp);
        return;
    }
    $peer{ fileno $smpp }{role} = $role;
    $smpp->$answer(seq => $pdu->{seq}, system_id => 'perlsmsc');
    tell_event('bind', role => $role, system_id => $pdu->{system_id});
}

sub submit {
    my ($smpp, $pdu) = @_;
    $submits++;
    if ($option{drop_every} && $submits % $option{drop_every} == 0) {
        tell_event('dropped', submits => $submits);
        close_peer($smpp);
        return;
    }
    my $throttled = $option{throttle_every} && $submits % $option{throttle_every} == 0;
    my $id = sprintf '%08d', ++$last_id;
    tell_event('submit',
        source => $pdu->{source_addr}, source_ton => $pdu->{source_addr_ton} + 0,
        destination => $pdu->{destination_addr}, destination_ton => $pdu->{dest_addr_ton} + 0,
        data_coding => $pdu->{data_coding} + 0, esm_class => $pdu->{esm_class} + 0,
        registered_delivery => $pdu->{registered_delivery} + 0,
        validity => $pdu->{validity_period}, octets => unpack('H*', $pdu->{short_message}),
        status => $throttled ? 0x58 : 0, message_id => $throttled ? '' : $id);
    return if $option{mute};
    if ($throttled) {
        $smpp->submit_sm_resp(seq => $pdu->{seq}, message_id => '', status => 0x58);
        return;
    }
    my $receipt = $option{receipt} && ($pdu->{registered_delivery} & 3) == 1;
    receipt($pdu, $id) if $receipt && $option{receipt_first};
    $smpp->submit_sm_resp(seq => $pdu->{seq}, message_id => $id);
    receipt($pdu, $id) if $receipt && !$option{receipt_first};
}

sub receipt {
    my ($pdu, $id) = @_;
    tell_event('receipt', message_id => $id);
    deliver('receipt', source_addr => $pdu->{destination_addr},
        destination_addr => $pdu->{source_addr}, esm_class => 4,
        short_message => "id:$id sub:001 dlvrd:001 submit date:2611231200 "
            . "done date:2611231201 stat:$option{receipt_state} err:000 text:none");
}
