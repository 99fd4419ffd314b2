//! hubbub over the wire: real sockets, a real file, and the real binary where a process is what is
//! tried. Each test is a sentence.
//!
//! The ways such an app fails, and what holds each (here, in `tests/slow/`, in
//! `tests/browser/`, or beside the code):
//!
//! | | what goes wrong | test |
//! |---|---|---|
//! | 1 | a message lands between page and stream | `what_lands_between_the_page_and_its_stream_appears_once` |
//! | 2 | the connection drops in a burst | `on_a_network_that_breaks_and_over_deaths_nothing_acknowledged_is_lost_or_comes_twice` |
//! | 3 | the stream is made anew after a 503 | `a_stream_that_is_cut_and_gets_a_503_goes_on_from_its_last_message` |
//! | 4 | an old cursor looks valid | `a_cursor_that_means_nothing_here_gets_a_gap_and_then_everything` |
//! | 5 | a cursor is older than what is kept | `away_for_more_than_ten_thousand_messages_a_reader_gets_each_in_order` |
//! | 6 | a reader stops reading | `readers_that_stop_are_cut_and_resume_and_cost_the_others_and_the_memory_nothing` |
//! | 7 | shutdown hangs on open streams | `sigterm_ends_ten_thousand_streams_in_under_two_seconds_each_with_a_word` |
//! | 8 | everybody reconnects at once | `five_thousand_tabs_that_come_back_at_once_are_all_caught_up_while_pages_load` |
//! | 9 | the seventh tab never loads | `eight_tabs_of_one_browser_load_and_send_and_are_all_here` |
//! | 10 | a proxy holds the stream back | `through_nginx_each_representation_is_live` |
//! | 11 | a peer vanishes without a word | `who_vanished_from_the_network_is_gone_after_keep_alive_and_grace` |
//! | 11 | connections leak | `ten_thousand_peers_that_come_and_go_leave_nothing_behind` |
//! | 12 | hidden, asleep, or come back to | `back_and_forward_end_in_a_complete_list_and_one_stream` |
//! | 13 | text becomes markup, a field, a frame | `any_text_shows_as_itself_or_is_refused_whole` |
//! | 13 | bytes that are not UTF-8 are stored as something else | `bytes_that_are_not_utf_8_and_another_charset_are_refused_in_every_form_of_a_body` |
//! | 13 | a bot is made to send other fields | `the_bot_in_sh_answers_each_once_and_cannot_be_made_to_send_anything_else` |
//! | 13 | a host's name becomes a command in a line to copy | `a_host_that_would_run_in_a_shell_does_not_stand_on_the_api_page` |
//! | 13 | a foreign site posts | `a_post_from_a_foreign_page_is_refused` |
//! | 2 | a path dies without a word | `a_path_that_is_silent_for_too_long_and_one_that_never_answers_are_given_up` |
//! | 10 | a sign-in page answers in the server's place | `a_sign_in_page_in_the_place_of_an_answer_is_an_outage_and_no_content` |
//! | 12 | the page of a tab that left or lost its cookie | `a_tab_whose_cookie_is_gone_says_so_and_joins_again_under_its_name_with_its_draft` |
//! | 12 | a browser throws out an open tab's cookie | `two_hundred_joins_of_one_browser_leave_its_first_tab_joined` |
//! | 14 | two tabs send under one key | `what_a_duplicated_tab_sends_is_a_message_of_its_own_though_it_is_the_same_text` |
//! | 14 | one stands in one's own way | `who_joins_goes_back_and_joins_again_is_not_in_ones_own_way` |
//! | 15 | an answer breaks a composition | `an_input_methods_enter_sends_nothing_and_an_answer_leaves_its_composition_alone` |
//! | 15 | a script decides by what a translation shows | `what_a_translation_makes_of_the_page_decides_nothing` |
//! | 16 | a busy room freezes its page | `five_thousand_messages_at_once_freeze_nothing_and_are_arranged_once_a_frame` |
//! | 16 | and its keyboard | `at_a_hundred_messages_a_second_a_key_shows_within_fifty_milliseconds` |
//! | 15 | a long text pushes all else out of sight | `a_long_text_is_folded_and_shows_all_by_mouse_by_keyboard_and_on_paper` |
//! | 15 | stacked marks paint over other messages | `marks_that_are_stacked_on_a_character_paint_over_no_other_message` |
//! | 15 | an error is said that is none any more | `what_was_wrong_is_said_until_something_else_is_typed` |
//! | 12 | without script a crash ends the page for good and says nothing | `without_scripts_a_line_says_how_to_go_on_after_a_crash_and_what_was_written_stays` |
//! | 12 | without script nothing is painted between two documents | `without_scripts_the_messages_are_seen_while_the_stream_takes_over` |
//! | 13 | a text browser shows what is not there, and not what is | `in_text_browsers_a_room_shows_what_is_there_once_and_each_line_of_a_text` |
//! | 14 | double click | `a_key_sent_twice_is_one_message` |
//! | 14 | an old cookie speaks for somebody else | `an_old_cookie_proves_nothing_after_leaving_or_once_somebody_else_bears_the_name` |
//! | 14 | a body that comes late is sent under a name that was lost | `a_body_that_comes_late_is_not_sent_under_a_name_that_was_lost_meanwhile` |
//! | 13 | a name looks like somebody else's | `a_capital_of_another_script_looks_like_ours_though_its_small_letter_does_not` |
//! | 13 | a secret behind a name is published with it | `a_secret_behind_a_hash_is_refused_at_every_way_in_and_repeated_nowhere` |
//! | 13 | a name or a text looks like a proven one | `a_mark_stands_before_the_name_where_no_name_and_no_text_comes` |
//! | 14 | a client says for itself whom a proxy signed in | `a_name_from_an_untrusted_peer_none_or_two_are_a_403_and_probes_and_files_are_not` |
//! | 14 | flood | `a_tab_that_floods_is_told_to_wait_and_its_draft_stays_in_the_form` |
//! | 14 | file descriptors run out | `where_file_descriptors_run_out_open_tabs_live_on_and_idle_connections_make_room` |
//! | 14 | trickled headers | `trickled_heads_and_silent_connections_are_closed_after_ten_seconds_and_idle_ones_are_not` |
//! | 14 | one address takes all connections | `who_takes_all_connections_with_slow_heads_bodies_and_pages_makes_room_for_others` |
//! | 14 | one address makes rooms without end | `rooms_that_one_address_makes_are_limited_and_those_that_are_there_are_not` |
//! | 14 | small requests hold megabytes | `an_answer_is_bounded_in_bytes_and_who_asks_on_gets_everything` |
//! | 10 | a proxy keeps a connection for longer than we | `a_head_has_ten_seconds_and_an_idle_connection_longer_than_a_proxys_pool` |
//! | 10 | a proxy changes the name that it asks for | `behind_a_proxy_that_changes_host_forms_are_taken_where_the_public_url_is_named` |
//! | 13 | a foreign page gives its name our address | `a_foreign_name_for_this_machine_is_refused_in_words_that_name_the_knob` |
//! | 14 | a log that nobody reads holds up requests | `a_log_that_nobody_reads_holds_up_no_request_and_no_shutdown_and_what_is_lost_is_counted` |
//! | 15 | messages take caret, selection, focus | `arriving_messages_leave_the_text_the_caret_and_the_selection_alone` |
//! | 15 | senders disagree on order | `fifty_senders_at_once_are_seen_in_one_order_by_everybody` |
//! | 16 | a flooded room slows others | `beside_a_flooded_room_a_quiet_one_has_its_messages_and_its_page` |
//! | 16 | a flooded room has its readers ever further behind | `where_a_rooms_readers_are_behind_a_send_is_refused_and_other_rooms_take_theirs` |
//! | 17 | a connected reader is told of a gap | `in_a_flooded_room_connected_readers_get_every_message_once_in_one_order_and_no_gap` |
//! | 18 | a scarce permit is held across a stuck socket | `readers_that_catch_up_and_read_nothing_hold_nothing_that_others_need` |
//! | 19 | what a client wrote is passed over in silence: an empty key | `an_empty_key_and_one_that_is_no_key_are_refused_wherever_they_stand` |
//! | 19 | a misspelt field | `a_webhook_in_slacks_shape_is_taken_and_a_field_that_nobody_knows_is_named` |
//! | 19 | a misspelt or doubled parameter | `a_parameter_that_is_not_known_is_named_by_every_address_in_its_own_form` |
//! | 19 | what the documentation says does not run | `each_line_of_the_api_page_is_for_this_server_and_runs_as_it_stands` |
//! | 20 | a client's library gathers what has no chunks, and shows nothing | `over_http_1_1_each_frame_is_a_chunk_of_its_own_and_over_http_1_0_it_is_bare` |
//! | 21 | a restart looks like the end of a stream, and clients stop for good | `at_a_planned_stop_streams_are_cut_and_the_endless_document_is_complete` |
//! | 21 | a proxy makes a clean end of a stream that was cut | `a_stream_that_is_cut_looks_cut_behind_nginx_where_it_speaks_http_1_1` |
//! | 22 | a copy is put over a log that was left | `a_copy_over_a_log_that_was_left_is_refused_and_says_what_to_do_which_helps` |
//! | 22 | a copy is put over the file in use | `a_file_that_is_written_over_while_it_is_served_takes_no_sends_and_is_not_served_again` |
//! | 22 | the file in use is removed or replaced | `files_that_are_removed_or_replaced_make_it_unready_until_they_are_back` |
//! | 23 | two processes write one journal | `a_journal_is_one_processs_whatever_name_it_is_opened_by` |
//! | 15 | what is typed behind what was entered is sent with it | `each_text_that_is_entered_is_a_message_and_what_is_typed_behind_stays_a_draft` |
//! | 12 | who left can post again after a restart | `a_tab_that_left_has_left_over_a_restart_too` |
//! | 10 | a proxy compresses a stream, and holds it back | `a_caddy_that_compresses_all_it_can_holds_no_stream_back` |
//! | 24 | the clock is wrong | `a_message_from_a_clock_that_was_ahead_keeps_none_from_being_trimmed_by_age` |
//! | 24 | the clock shows what no calendar has | `on_the_last_day_that_the_calendar_has_all_is_answered` |
//! | 24 | the clock jumps | `by_a_clock_that_has_just_jumped_nothing_is_trimmed` |
//! | 7 | a disk that hangs holds up a shutdown | `a_disk_that_hangs_holds_up_no_shutdown` |
//! | 22 | everybody can read what is stored | `a_journal_that_everybody_can_read_is_closed_to_them_and_one_of_a_group_is_not` |
//! | 25 | a start waits for who reads what it says | `a_server_is_served_and_stopped_whatever_becomes_of_its_output` |
//! | 25 | the log floods while a disk fails | `a_disk_that_fails_is_one_line_and_one_when_it_works_again` |
//! | 26 | a node, or a server of what nodes share, dies in the midst of sends | `servers_die_one_after_another_and_nothing_that_was_acknowledged_is_lost` |
//! | 26 | what nodes share is gone for a while | `with_nats_gone_one_reads_on_and_keeps_ones_draft_and_all_of_it_heals` |
//! | 26 | a send is tried again on another node | `a_send_that_is_tried_again_on_another_node_is_stored_once` |
//! | 26 | one key on two nodes at once | `one_key_on_two_nodes_at_once_is_one_message_and_another_text_is_refused` |
//! | 26 | one name on two nodes at once | `a_name_that_is_raced_on_two_nodes_a_hundred_times_is_never_both_tabs` |
//! | 26 | a dead node's people stay, or who moved flickers | `of_a_node_that_is_killed_the_people_are_gone_in_time_and_who_came_back_never_went` |
//! | 26 | nodes and servers die and are parted from each other under everybody's hands | `over_nodes_that_die_and_are_parted_nothing_is_lost_or_comes_twice_and_all_list_the_same` |
//! | 26 | a stopped node's people stay, or flicker | `of_a_node_that_is_stopped_who_comes_back_elsewhere_never_went_and_others_go_in_a_grace` |
//! | 26 | a tab's node is stopped under it | `a_tab_whose_node_is_stopped_is_live_on_the_other_has_everything_and_keeps_its_name` |
//! | 26 | who left is brought back by a node that is dead | `who_left_by_another_node_than_a_dead_one_is_not_brought_back` |
//! | 26 | a limit is none where one moves between nodes | `over_two_nodes_limits_by_tab_and_by_address_hold_within_a_factor_of_two` |
//! | 26 | what a node says of its tabs is lost | `whatever_happens_and_whatever_is_lost_all_nodes_end_with_one_list` |
//! | 26 | a reader comes to a node that is behind | `a_cursor_from_a_node_that_is_ahead_waits_and_is_told_of_no_gap` |
//! | 26 | parted nodes give one name to two | `of_two_that_got_one_name_while_nodes_were_parted_one_keeps_it_on_all_nodes_alike` |
//! | 26 | what nodes share is full, and looks like a fate that nobody knows | `where_nats_says_that_it_is_full_a_send_is_refused_for_certain_and_the_log_says_why` |
//! | 27 | a stream is deleted, or restored without its newest | `a_stream_that_was_deleted_and_one_that_went_back_are_a_new_epoch` |
//! | 27 | a password for what nodes share stands in a log | `a_start_that_nats_refuses_is_one_line_without_the_password` |
//! | 28 | a private room is told from one that does not exist | `to_who_has_no_link_each_address_of_a_private_room_is_one_that_cannot_exist` |
//! | 28 | a link is taken back, and who came by it reads on | `a_link_that_is_taken_back_ends_all_that_was_opened_by_it_within_two_seconds` |
//! | 28 | a link is used up, or a room entered, by a preview of it | `to_look_at_a_link_takes_nothing_and_its_form_leads_to_a_clean_address` |
//! | 28 | a token is guessed, or changed for a better one | `tokens_that_are_changed_cut_doubled_or_anothers_are_refused_and_counted` |
//! | 28 | a token stands in a log | `a_token_in_an_address_is_refused_and_is_in_no_line_of_the_log` |
//! | 28 | a secret that leaked is replaced, and what was made by it lives on | `with_another_secret_all_links_tabs_and_the_operators_token_end` |
//! | 29 | who is kicked is back at once under another name | `who_is_banned_is_put_out_and_comes_back_under_no_other_name_of_the_same_browser` |
//! | 29 | a ban of one behind a proxy is one of all | `a_banned_address_behind_a_proxy_is_banned_and_others_behind_it_are_not` |
//! | 29 | addresses pile up on the disk | `a_ban_holds_over_a_restart_and_is_gone_from_the_files_when_it_ended_or_was_lifted` |
//! | 29 | a retry in slow mode is told to wait, and its message counted as lost | `in_slow_mode_each_sender_waits_a_retry_is_answered_and_who_moderates_does_not_wait` |
//! | 29 | what moderators do at once undoes each other | `two_who_remove_one_message_an_edit_and_a_retry_at_once_leave_one_tombstone` |
//! | 29 | what was erased is left in a removed message, an edit, a file | `what_was_said_under_a_name_is_erased_in_a_room_or_in_all_and_the_name_with_it` |
//! | 29 | a log of what was done says what was said | `the_log_says_who_did_what_where_and_when_and_no_text_address_or_token` |
//! | 29 | a ban or a link is of one node only | `what_is_ruled_on_one_node_holds_on_the_other_within_a_moment` |
//! | 29 | who is kept out goes on by editing what was said | `what_is_said_anew_takes_what_a_send_takes` |
//! | 29 | who holds a room holds more than that | `a_host_holds_a_room_and_no_more` |
//! | 29 | who moderates is above the operator's word | `the_operators_bans_bind_who_moderates_and_nobody_else_lifts_them` |
//! | 29 | a rule makes the data look damaged | `data_whose_newest_place_is_a_rules_is_copied_and_opened` |
//! | 29 | rules are lost with the stream that carried them | `where_the_stream_is_made_anew_the_rules_are_put_there_again` |
//! | 30 | what was removed is found again, or its words stay in the index | `what_is_removed_or_edited_is_found_no_more_and_its_words_are_in_no_file` |
//! | 30 | what is no longer kept stays in the index | `what_is_no_longer_kept_is_found_no_more_and_its_words_leave_the_index` |
//! | 30 | a search tells what is said in private | `a_private_rooms_messages_are_found_by_who_may_read_it_and_by_nobody_else` |
//! | 30 | what somebody looks for is taken for syntax | `what_somebody_types_is_words_and_never_syntax` |
//! | 30 | the index is removed, damaged, or another journal's | `an_index_that_is_removed_damaged_or_another_journals_is_made_anew` |
//! | 30 | each restart reads all of the journal | `a_restart_goes_on_where_the_index_stood_and_reads_nothing_again` |
//! | 30 | there is no place for an index, and sends wait for it | `where_there_can_be_no_index_everything_else_goes_on_and_a_search_says_so` |
//! | 31 | what is unread elsewhere is counted twice, or not at all, where a stream begins | `in_every_order_the_last_number_of_another_room_is_what_is_unread_and_no_message_is_missed` |
//! | 31 | what came before a stream opened its own room is not counted in the others | `nothing_is_passed_over_uncounted_while_a_room_is_watched_and_none_is_read_yet` |
//! | 31 | what was read in one tab stays unread in another | `what_another_tab_says_to_have_read_is_read_on_a_stream_that_was_open_before` |
//! | 31 | a busy room floods those who read another | `a_busy_room_is_told_of_now_and_then_and_no_more_once_it_has_a_hundred` |
//! | 31 | a private room's numbers are told to who has no link, or has it no more | `a_private_room_stands_on_the_list_until_its_link_is_taken_back` |

#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

use support::{client, flood, wire};

mod acme;
mod acts;
mod api;
mod audit;
mod bans;
mod base;
mod bodies;
mod caddy;
mod clock;
mod crash;
mod data;
mod door;
mod edit;
mod erase;
mod flooded;
mod framing;
mod greedy;
mod history;
mod house;
mod join;
mod journal;
mod limits;
mod listen;
mod logs;
mod manager;
mod metrics;
mod names;
mod nginx;
mod nodes;
mod operator;
mod pages;
mod powers;
mod presence;
mod private;
mod proxies;
mod queries;
mod readme;
mod removal;
mod representations;
mod requests;
mod rooms;
mod rooms_unread;
mod rules;
mod search;
mod send;
mod server;
mod start;
mod stream;
mod supervision;
mod texts;
mod tls;
mod together;
mod unread;
