//! petswipe-deploy
