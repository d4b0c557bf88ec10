//! The ward's page: order, sharing, announcements, and what is not in it.
