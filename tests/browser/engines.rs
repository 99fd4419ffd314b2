//! What must hold in every engine: each of these runs in all three, or in those that are named.

macro_rules! in_every_engine {
    ($($file:ident: $($name:ident),+;)+) => {
        in_engine!(chromium Chromium $($($file $name)+)+);
        in_engine!(firefox Firefox $($($file $name)+)+);
        in_engine!(webkit WebKit $($($file $name)+)+);
    };
}

macro_rules! in_engine {
    ($module:ident $engine:ident $($file:ident $name:ident)+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $name() {
                    crate::$file::$name(crate::engine::Engine::$engine).await;
                }
            )+
        }
    };
}

in_every_engine! {
    access:
        axe_finds_nothing_in_any_state,
        each_new_message_is_announced_once_and_what_was_missed_is_a_number,
        everything_can_be_done_by_keyboard;
    door:
        axe_finds_nothing_where_one_joins_finds_and_is_refused_and_all_fits,
        by_keyboard_a_room_is_found_and_joined_under_ones_name_and_ones_own_tab_again;
    moderated:
        axe_finds_nothing_where_one_is_invited_and_where_a_room_is_moderated_and_all_fits,
        axe_finds_nothing_on_the_operators_pages_and_all_fits;
    search:
        axe_finds_nothing_in_what_was_found_and_around_a_message_and_all_fits,
        by_keyboard_one_finds_what_was_said_from_a_room_and_comes_back;
    talk:
        what_one_tab_sends_appears_in_both_once_and_in_one_order_without_a_reload;
    contrast:
        every_control_can_be_seen_at_rest_hovered_and_with_the_keyboard_on_it;
    looks:
        times_and_days_are_the_readers_and_runs_of_one_person_and_own_messages_stand_out,
        nothing_but_the_list_moves_while_messages_arrive,
        at_every_width_and_zoom_all_is_in_reach_and_nothing_scrolls_sideways,
        the_api_page_fits_every_width_and_a_click_selects_a_line_of_it;
    text:
        a_field_and_a_text_have_the_direction_of_what_is_written;
    scroll:
        who_scrolled_up_stays_there_and_is_told_of_new_messages_to_jump_to;
    room:
        a_conversation_stands_on_one_edge_in_lines_of_some_75_characters,
        each_run_begins_with_a_tile_that_is_the_same_for_every_reader,
        name_and_time_stand_in_a_line_and_who_goes_on_has_the_time_on_hover_and_focus,
        ones_own_name_has_a_colour_and_a_word_and_forced_colours_and_paper_have_lines,
        the_bar_is_one_line_and_people_open_from_their_number_or_stand_beside,
        how_much_may_still_be_written_is_told_where_it_is_little,
        the_field_grows_to_six_lines_and_its_button_is_in_it,
        code_keeps_its_spaces_scrolls_in_itself_and_is_the_text_everywhere_else,
        an_empty_room_says_what_to_do_until_something_is_said,
        a_messages_menu_opens_and_closes_at_one_place_and_moves_nothing;
    rooms:
        on_a_wide_screen_rooms_stand_beside_the_conversation_and_else_one_tap_away,
        on_the_page_of_all_rooms_no_name_takes_the_place_of_another,
        what_is_unread_elsewhere_is_counted_live_and_opening_the_room_by_one_click_reads_it;
    find:
        what_was_said_is_found_from_its_room_and_leads_to_its_place_among_the_rest;
    mention:
        a_text_that_names_somebody_is_marked_for_them_and_for_nobody_else,
        who_comes_back_to_a_room_finds_the_line_where_they_left_off,
        a_line_stands_where_one_left_off_and_the_title_counts_what_names_one;
    history:
        scrolling_up_brings_older_messages_and_the_place_holds_still,
        who_was_away_for_longer_than_is_kept_is_told_and_gets_all_that_is_kept;
    write:
        enter_sends_and_shift_enter_breaks_the_line,
        a_draft_survives_a_reload_and_is_no_second_message;
    draft:
        what_a_duplicated_tab_sends_is_a_message_of_its_own_though_it_is_the_same_text,
        an_input_methods_enter_sends_nothing_and_an_answer_leaves_its_composition_alone;
    outage:
        when_an_outage_is_over_what_was_not_sent_is_sent_once_unless_it_was_changed,
        tabs_carry_on_by_themselves_when_the_server_comes_back,
        a_send_to_a_server_that_is_gone_keeps_the_draft_and_says_so;
    hidden:
        a_hidden_tab_catches_up_when_it_is_shown_and_says_how_much_is_new,
        back_and_forward_end_in_a_complete_list_and_one_stream;
    again:
        a_tab_whose_cookie_is_gone_says_so_and_joins_again_under_its_name_with_its_draft,
        who_joins_goes_back_and_joins_again_is_not_in_ones_own_way,
        back_after_leave_offers_to_join_again_and_no_composer_and_so_does_a_twin;
}

/// WebKit's browser asks before a page may notify, in a bar that its driver does not reach.
mod where_one_is_notified {
    in_engine!(
        chromium Chromium
        mention a_hidden_tab_notifies_of_what_was_asked_for_and_one_of_them_keeps_its_stream
    );
    in_engine!(
        firefox Firefox
        mention a_hidden_tab_notifies_of_what_was_asked_for_and_one_of_them_keeps_its_stream
    );
}

/// WebKit has no touch screen here: see [`Tab::touch`](crate::tab::Tab::touch).
mod by_finger {
    in_engine!(
        chromium Chromium
        door what_is_used_often_is_large_enough_for_a_finger
        room on_a_touch_screen_enter_breaks_the_line_and_the_button_sends
    );
    in_engine!(
        firefox Firefox
        door what_is_used_often_is_large_enough_for_a_finger
        room on_a_touch_screen_enter_breaks_the_line_and_the_button_sends
    );
}

/// The driver of WebKit is not to be relied on where pages run no script: keys and commands get lost.
/// (There, who scrolled up is pushed along, and each message begins with a click into the field.)
mod without_scripts {
    in_engine!(
        chromium Chromium
        noscript without_scripts_two_tabs_are_live_both_ways
        noscript without_scripts_the_list_sticks_to_the_newest_and_holds_still_for_who_scrolled_up
        noscript without_scripts_one_can_leave
        door without_scripts_the_last_name_is_filled_in_and_joins_by_one_click
    );
    in_engine!(
        firefox Firefox
        noscript without_scripts_two_tabs_are_live_both_ways
        noscript without_scripts_the_list_sticks_to_the_newest_and_holds_still_for_who_scrolled_up
        noscript without_scripts_one_can_leave
        door without_scripts_the_last_name_is_filled_in_and_joins_by_one_click
    );
}
