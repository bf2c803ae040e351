# Comments on objects of the replaced schema that are made by a transaction held open while a run goes on, at every step of it. Few kinds
# of comments lock what they are about. The run refuses, waits within its bound, or brings them over. Nothing is lost in silence.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use Test::More;

leave_to_long_tests();

my $node = new_node('held_comments', faults => 1, conf => "max_worker_processes = 40\n");
my $file = held_open_base($node);

sub comment {
    my ($on, $catalog, $names) = @_;
    my $visible = "SELECT count(*) > 0 FROM pg_description d WHERE description = 'said meanwhile' AND classoid = '$catalog'::regclass";
    # Not of the replaced copy: an object of the live schema is behind it.
    my %schema_of = (pg_class => 'SELECT relnamespace FROM pg_class c WHERE c.oid = d.objoid', pg_proc => 'SELECT pronamespace FROM pg_proc WHERE oid = d.objoid',
        pg_type => 'SELECT typnamespace FROM pg_type WHERE oid = d.objoid', pg_namespace => 'SELECT d.objoid',
        pg_constraint => 'SELECT connamespace FROM pg_constraint WHERE oid = d.objoid',
        pg_trigger => 'SELECT relnamespace FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE t.oid = d.objoid',
        pg_rewrite => 'SELECT relnamespace FROM pg_rewrite t JOIN pg_class c ON c.oid = ev_class WHERE t.oid = d.objoid',
        pg_policy => 'SELECT relnamespace FROM pg_policy t JOIN pg_class c ON c.oid = polrelid WHERE t.oid = d.objoid',
        pg_operator => 'SELECT oprnamespace FROM pg_operator WHERE oid = d.objoid', pg_opclass => 'SELECT opcnamespace FROM pg_opclass WHERE oid = d.objoid',
        pg_opfamily => 'SELECT opfnamespace FROM pg_opfamily WHERE oid = d.objoid',
        pg_collation => 'SELECT collnamespace FROM pg_collation WHERE oid = d.objoid', pg_conversion => 'SELECT connamespace FROM pg_conversion WHERE oid = d.objoid',
        pg_ts_config => 'SELECT cfgnamespace FROM pg_ts_config WHERE oid = d.objoid', pg_ts_dict => 'SELECT dictnamespace FROM pg_ts_dict WHERE oid = d.objoid',
        pg_statistic_ext => 'SELECT stxnamespace FROM pg_statistic_ext WHERE oid = d.objoid');
    return { kind => "comment on $on", change => "COMMENT ON $on IS 'said meanwhile'", visible => "$visible AND ($schema_of{$catalog}) = to_regnamespace('live')",
        names => $names };
}

my @cases = (
    comment('SCHEMA live', 'pg_namespace', qr/\blive\b/),
    comment('TABLE live.item', 'pg_class', qr/\bitem\b/),
    comment('COLUMN live.item.name', 'pg_class', qr/\bitem\b/),
    comment('VIEW live.cheap', 'pg_class', qr/\bcheap\b/),
    comment('SEQUENCE live.ticket', 'pg_class', qr/\bticket\b/),
    comment('INDEX live.item_name', 'pg_class', qr/\bitem(_name)?\b/),
    comment('CONSTRAINT has_price ON live.item', 'pg_constraint', qr/\bitem\b/),
    comment('CONSTRAINT is_small ON DOMAIN live.small', 'pg_constraint', qr/\bsmall\b/),
    comment('TRIGGER noted ON live.item', 'pg_trigger', qr/\bitem\b/),
    comment('RULE silent ON live.sale', 'pg_rewrite', qr/\bsale\b/),
    comment('POLICY cheap_only ON live.item', 'pg_policy', qr/\bitem\b/),
    comment('FUNCTION live.twice', 'pg_proc', qr/\btwice\b/),
    comment('PROCEDURE live.noop', 'pg_proc', qr/\bnoop\b/),
    comment('AGGREGATE live.total(integer)', 'pg_proc', qr/\btotal\b/),
    comment('TYPE live.mood', 'pg_type', qr/\bmood\b/),
    comment('TYPE live.pair', 'pg_type', qr/\bpair\b/),
    comment('DOMAIN live.small', 'pg_type', qr/\bsmall\b/),
    comment('OPERATOR live.@+@ (integer, integer)', 'pg_operator', qr/\@\+\@/),
    comment('OPERATOR CLASS live.class USING hash', 'pg_opclass', qr/\bclass\b/),
    comment('OPERATOR FAMILY live.family USING btree', 'pg_opfamily', qr/\bfamily\b/),
    comment('COLLATION live.plain', 'pg_collation', qr/\bplain\b/),
    comment('CONVERSION live.latin', 'pg_conversion', qr/\blatin\b/),
    comment('TEXT SEARCH CONFIGURATION live.search', 'pg_ts_config', qr/\bsearch\b/),
    comment('TEXT SEARCH DICTIONARY live.words', 'pg_ts_dict', qr/\bwords\b/),
    comment('STATISTICS live.together', 'pg_statistic_ext', qr/\btogether\b/),
);
held_open_cases($node, $file, cases => \@cases, turn => 5);
done_testing();
