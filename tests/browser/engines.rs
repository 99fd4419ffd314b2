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
    talk:
        what_one_tab_sends_appears_in_both_once_and_in_one_order_without_a_reload;
    scroll:
        who_scrolled_up_stays_there_and_is_told_of_new_messages_to_jump_to;
    room:
        the_field_grows_to_six_lines_and_its_button_is_in_it,
        code_keeps_its_spaces_scrolls_in_itself_and_is_the_text_everywhere_else,
        an_empty_room_says_what_to_do_until_something_is_said;
    rooms:
        what_is_unread_elsewhere_is_counted_live_and_opening_the_room_by_one_click_reads_it;
    find:
        what_was_said_is_found_from_its_room_and_leads_to_its_place_among_the_rest;
    mention:
        a_text_that_names_somebody_is_marked_for_them_and_for_nobody_else,
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

/// The driver of WebKit is not to be relied on where pages run no script: keys and commands get lost.
/// (There, who scrolled up is pushed along, and each message begins with a click into the field.)
mod without_scripts {
    in_engine!(
        chromium Chromium
        noscript without_scripts_two_tabs_are_live_both_ways
        noscript without_scripts_the_list_sticks_to_the_newest_and_holds_still_for_who_scrolled_up
        noscript without_scripts_one_can_leave
    );
    in_engine!(
        firefox Firefox
        noscript without_scripts_two_tabs_are_live_both_ways
        noscript without_scripts_the_list_sticks_to_the_newest_and_holds_still_for_who_scrolled_up
        noscript without_scripts_one_can_leave
    );
}
