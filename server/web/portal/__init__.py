"""The patient's side: their own numbers in words, what there is to do, our messages, their choices."""

from server.web.portal import check, choices, hours, pages, questions, reading_list

handlers = [
    pages.today,
    pages.history,
    pages.messages,
    check.answer,
    *questions.handlers,
    *reading_list.handlers,
    choices.settings,
    choices.report_done,
    choices.withdraw_report,
    choices.speak,
    choices.choose_texts,
    hours.choose_hours,
]
